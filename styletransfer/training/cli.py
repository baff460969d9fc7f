"""The command line of training: LightningCLI over our module and our data."""

import warnings
from argparse import ArgumentError
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.cli import (
    ArgsType,
    LightningArgumentParser,
    LightningCLI,
    SaveConfigCallback,
)
from pytorch_lightning.utilities import rank_zero_warn

import styletransfer
from styletransfer.checkpoint import ENTRY, read_checkpoint
from styletransfer.device import check_accelerator, multiplies_bfloat16
from styletransfer.errors import RequestError, TrainingDataError
from styletransfer.training.callbacks import SampleGrid, TrainingMetrics
from styletransfer.training.memory import MemoryAdvice
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.photographs import PhotographDataModule
from styletransfer.training.restoring import check_restorable
from styletransfer.training.saving import Checkpoints, WholeCheckpointIO

LAST = "last"
PHOTOGRAPHS = "Folder of photographs to learn on, or tar files of them: photos/{000..099}.tar."
PAINTINGS = "Folder of paintings, the styles."


class SaveConfig(SaveConfigCallback):
    """Writes the configuration into the folder of a training run, and nowhere else."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit" and trainer.logger is not None:
            super().setup(trainer, pl_module, stage)


class TrainingCLI(LightningCLI):
    """`fit` and `validate`. What they are given is checked before anything is written."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Leave out `test` and `predict`: there are the commands `evaluate` and `stylize`."""
        offered = LightningCLI.subcommands()
        return {name: offered[name] for name in ("fit", "validate")}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add `--photographs` and `--paintings`, which have the same names in every command."""
        # A text, for a Path would merge the two slashes of a URL.
        parser.add_argument("--photographs", type=str, help=PHOTOGRAPHS)
        parser.add_argument("--paintings", type=Path, help=PAINTINGS)
        parser.link_arguments("photographs", "data.photographs", compute_fn=_photographs)
        parser.link_arguments("paintings", "model.paintings", compute_fn=_paintings)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse `args`. The arguments of the process are ignored.

        Raises:
            RequestError: An option that is unknown or that has a value of the wrong kind.
        """
        try:
            self.config = parser.parse_args(args)  # type: ignore[arg-type]
        except ArgumentError as error:
            raise RequestError(str(error)) from error
        wanted = self.config[self.config.subcommand].get("ckpt_path")
        if wanted not in (None, LAST):
            read_checkpoint(Path(wanted))  # its errors are clearer than those of Lightning

    def before_instantiate_classes(self) -> None:
        """Refuse an accelerator that this machine does not have."""
        check_accelerator(self.config[self.config.subcommand].trainer.accelerator)

    def before_fit(self) -> None:
        """Check everything before the run gets a folder, and adapt intervals to a short run.

        There is at least one validation, at the end. Drafting takes at most a third of the steps.
        """
        trainer = self.trainer
        if trainer.max_steps < 1:
            raise TrainingDataError("the length of training is not set: give --trainer.max_steps")
        trainer.strategy.checkpoint_io = WholeCheckpointIO()
        device = trainer.strategy.root_device
        if "bf16" in str(trainer.precision) and not multiplies_bfloat16(device):
            rank_zero_warn(
                f"the device {device.type} multiplies bfloat16 more slowly than float32; "
                "--trainer.precision 32-true is faster"
            )
        if device.type == "cuda" and "16" in str(trainer.precision):
            # For the Gram matrices. Their factors have 16 bits, so tensor cores lose nothing.
            torch.set_float32_matmul_precision("high")
        if isinstance(trainer.val_check_interval, int):
            batches = trainer.max_steps * trainer.accumulate_grad_batches
            trainer.val_check_interval = min(trainer.val_check_interval, batches)
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        trainer.log_every_n_steps = min(every, trainer.max_steps)  # type: ignore[attr-defined]
        self.model.draft_steps = min(self.model.draft_steps, trainer.max_steps // 3)
        self._check_checkpoint()
        self.datamodule.setup("fit")
        self.model.setup("fit")

    def before_validate(self) -> None:
        """Check the checkpoint."""
        self._check_checkpoint()

    def _check_checkpoint(self) -> None:
        """Find the file if `--ckpt_path` is `last`, and refuse a checkpoint that is malformed."""
        options = self.config_init[self.subcommand]
        options["weights_only"] = True  # no pickled code is ever run
        wanted = options.get("ckpt_path")
        if wanted == LAST:
            wanted = options["ckpt_path"] = str(_last_checkpoint(self.trainer))
        if wanted is not None:
            checkpoint = read_checkpoint(Path(wanted))
            # Without the state of training, which is checked next.
            self.model.on_load_checkpoint({n: checkpoint[n] for n in (ENTRY, "state_dict")})
            self.model.trainer = self.trainer
            check_restorable(checkpoint, self.model, self.trainer, Path(wanted))


def run_training(words: Sequence[str]) -> None:
    """Run `fit` or `validate` with the options in `words`.

    Raises:
        RequestError: Options, folders or files that cannot be trained on.
        ImageError: A painting cannot be read.
        DivergenceError: The loss stays infinite or not a number.
    """
    # These warnings are wrong for our stream: it begins at the step of the trainer in every worker.
    for untrue in ("Your `IterableDataset` has `__len__`", ".* your dataloader is not resumable"):
        warnings.filterwarnings("ignore", untrue)
    strict: dict[str, Any] = {"exit_on_error": False}
    checkpoints = Checkpoints()
    try:
        with checkpoints.signals:
            TrainingCLI(
                StyleTransferModule,
                PhotographDataModule,
                args=_with_recipes(words),
                seed_everything_default=0,
                save_config_callback=SaveConfig,
                parser_kwargs={
                    "prog": "styletransfer train",
                    **strict,
                    "fit": dict(strict),
                    "validate": dict(strict),
                },
                trainer_defaults={
                    "callbacks": [TrainingMetrics(), SampleGrid(), MemoryAdvice(), checkpoints],
                    "check_val_every_n_epoch": None,
                    "val_check_interval": 1000,
                },
                auto_configure_optimizers=False,
            )
    # Lightning raises it for options that contradict each other.
    except MisconfigurationException as error:
        raise RequestError(str(error)) from error


def _photographs(place: str | None) -> str:
    if place is None:
        raise RequestError("give a folder of photographs to learn on: --photographs DIR")
    return place


def _paintings(folder: Path | None) -> Path:
    if folder is None:
        raise RequestError("give a folder of paintings, one for each style: --paintings DIR")
    return folder


def _last_checkpoint(trainer: pl.Trainer) -> Path:
    """Return the newest checkpoint of the runs in the folder that the new run will be in."""
    logger = trainer.logger
    runs = Path(getattr(logger, "root_dir", None) or trainer.default_root_dir)
    found = [*runs.glob("version_*/checkpoints/*.ckpt"), *runs.glob("checkpoints/*.ckpt")]
    if not found:
        raise RequestError(f"--ckpt_path last: there is no checkpoint in {runs}; name a file")
    return max(found, key=lambda path: path.stat().st_mtime)


def recipes() -> dict[str, Path]:
    """Return the recipes by name: those of the installed package, or else of the checkout."""
    package = Path(styletransfer.__file__).parent
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _with_recipes(words: Sequence[str]) -> list[str]:
    """Replace the name of a recipe by its path, unless there is a file of that name."""
    named = recipes()
    found = list(words)
    for place, word in enumerate(found):
        option, equals, value = word.partition("=")
        if option == "--config" and equals:
            found[place] = f"--config={_recipe(value, named)}"
        elif place and found[place - 1] == "--config":
            found[place] = _recipe(word, named)
    return found


def _recipe(name: str, named: dict[str, Path]) -> str:
    if Path(name).is_file():
        return name
    if name not in named and not Path(name).suffix:
        raise RequestError(f"no recipe is called {name!r}; there are {', '.join(named)}")
    return str(named.get(name, name))
