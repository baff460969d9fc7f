"""What a training run shows: losses, also by style, speed, and sample pictures."""

import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor
from torchvision.utils import make_grid

from styletransfer.images import Picture, to_pixels, write_image
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.photographs import Batch


class TrainingMetrics(pl.Callback):
    """Logs the means over the last `log_every_n_steps` steps of the trainer.

    They are each loss (`train/style`, `train/content`, …), style and content also for each painting
    (`train/style/NAME`), `images_per_second`, `lr`, `skipped_files` and `refused_steps`. On several
    devices, they are those of the first.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[list[int], dict[str, Tensor]]] = []
        self._images = 0
        self._since = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._since = time.perf_counter()

    @rank_zero_only
    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, StyleTransferModule)
        self._images += len(batch.images) * trainer.world_size
        if outputs:
            # Not as numbers: to read them, each step would wait until a GPU has finished it.
            self._steps.append((outputs["styles"], outputs["parts"]))
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.global_step % every:
            return
        metrics = self._means(pl_module.style_names)
        seconds = time.perf_counter() - self._since
        metrics["images_per_second"] = self._images / seconds
        metrics["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        metrics.update(pl_module.counters())
        for logger in trainer.loggers:
            logger.log_metrics(metrics, trainer.global_step)
        self._steps.clear()
        self._images = 0
        self._since = time.perf_counter()

    def _means(self, names: list[str]) -> dict[str, float]:
        sums: defaultdict[str, list[float]] = defaultdict(list)
        for styles, parts in self._steps:
            rows = torch.stack([values.float() for values in parts.values()]).tolist()
            for part, values in zip(parts, rows, strict=True):
                for style, value in zip(styles, values, strict=True):
                    sums[f"train/{part}"].append(value)
                    if part in ("style", "content"):
                        sums[f"train/{part}/{names[style]}"].append(value)
        return {name: sum(values) / len(values) for name, values in sums.items()}


class SampleGrid(pl.Callback):
    """Writes, at each validation, a grid of held-out photographs (rows) in every style (columns).

    The grid is the file `samples/step-NNNNNN.jpg` in the run's folder. TensorBoard gets it as well.

    Args:
        photographs: Number of photographs.
    """

    def __init__(self, photographs: int = 4) -> None:
        self.photographs = photographs
        self._folder = Path()

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # All processes have to read `log_dir`, because it is sent by the first of them.
        self._folder = Path(trainer.log_dir or trainer.default_root_dir) / "samples"

    @rank_zero_only
    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx or trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if not len(batch.images):
            return
        assert isinstance(pl_module, StyleTransferModule)
        rows = torch.eye(len(pl_module.style_names), device=batch.images.device)
        tiles = [
            torch.cat([photograph[None], *(pl_module(photograph[None], row[None]) for row in rows)])
            for photograph in batch.images[: self.photographs]
        ]
        grid = make_grid(torch.cat(tiles), nrow=len(rows) + 1, padding=4, pad_value=1)
        self._folder.mkdir(parents=True, exist_ok=True)
        picture = Picture(to_pixels(grid.float().cpu().numpy()), None, ())
        write_image(self._folder / f"step-{trainer.global_step:06d}.jpg", picture)
        for logger in trainer.loggers:
            if isinstance(logger, pl.loggers.TensorBoardLogger):
                logger.experiment.add_image("samples", grid, trainer.global_step)
