"""What a run that is out of memory says: the largest crop and the largest batch that fit."""

import gc
import traceback
from collections.abc import Callable

import pytorch_lightning as pl
import torch

from styletransfer.errors import WorkError
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.photographs import PhotographDataModule

# Crops are tried in steps of so many pixels.
STEP = 16


class MemoryAdvice(pl.Callback):
    """Ends a run that is out of memory with an error that names what fits."""

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Try smaller crops and smaller batches on the same device.

        Raises:
            WorkError: The exception was that a GPU is out of memory.
        """
        if not isinstance(exception, torch.OutOfMemoryError):
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(pl_module, StyleTransferModule)
        assert isinstance(data, PhotographDataModule)
        # The frames of the step that failed hold its tensors.
        traceback.clear_frames(exception.__traceback__)

        def fits(crop: int, batch: int) -> bool:
            return _fits(trainer, pl_module, crop, batch)

        crop = STEP * largest(lambda n: fits(STEP * n, data.batch_size), (data.crop - 1) // STEP)
        batch = largest(lambda n: fits(data.crop, n), data.batch_size - 1)
        advice = [f"--data.crop {crop}"] * (crop > 0) + [f"--data.batch_size {batch}"] * (batch > 0)
        raise WorkError(
            f"{pl_module.device}: out of memory with {data.batch_size} crops of {data.crop} pixels "
            f"a step; the most that fits is {' or '.join(advice) or 'less than one small crop'}"
        ) from exception


def largest(fits: Callable[[int], bool], most: int) -> int:
    """Return the largest number in 1 … `most` that fits, by bisection; 0 if none does."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if fits(middle):
            least = middle
        else:
            most = middle - 1
    return least


def _fits(trainer: pl.Trainer, module: StyleTransferModule, crop: int, batch: int) -> bool:
    """Tell whether there is memory for the losses of random crops, and for their gradients."""
    gc.collect()
    torch.cuda.empty_cache()
    styles = torch.ones(batch, dtype=torch.int64, device=module.device)
    try:
        with torch.enable_grad(), trainer.precision_plugin.train_step_context():
            images = torch.rand(batch, 3, crop, crop, device=module.device)
            _, losses = module.losses(images, styles)
        losses["total"].mean().backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError:
        return False
    finally:
        module.zero_grad()
    return True
