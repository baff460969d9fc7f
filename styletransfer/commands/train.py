"""`python train.py fit --config …`: LightningCLI over our module and our data."""

import sys
import warnings

from pytorch_lightning.cli import LightningCLI

from styletransfer.images import ImageError
from styletransfer.training.callbacks import SampleGrid, TrainingMetrics
from styletransfer.training.module import DivergenceError, StyleTransferModule
from styletransfer.training.photographs import PhotographDataModule, TrainingDataError


def main(args: list[str] | None = None) -> None:
    """Run the command line `args` (those of the process by default).

    Exits with 2 where the folders or files named can't be trained on, with 1 where training
    diverged; each with one line on stderr.
    """
    # Lightning can't know that our stream begins at the trainer's step, whatever the worker.
    for untrue in ("Your `IterableDataset` has `__len__`", ".* your dataloader is not resumable"):
        warnings.filterwarnings("ignore", untrue)
    try:
        LightningCLI(
            StyleTransferModule,
            PhotographDataModule,
            args=args,
            seed_everything_default=0,
            trainer_defaults={"callbacks": [TrainingMetrics(), SampleGrid()]},
        )
    except (TrainingDataError, ImageError, FileNotFoundError) as error:
        sys.exit(_say(error, 2))
    except DivergenceError as error:
        sys.exit(_say(error, 1))


def _say(error: Exception, status: int) -> int:
    print(f"Error: {error}", file=sys.stderr)
    return status
