"""Checkpoints of a run, at regular steps, at its end, and when it is stopped."""

import io
import os
import signal
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint

from styletransfer.atomic import written_whole
from styletransfer.errors import CheckpointError, StoppedError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint under a temporary name in the same folder, then renames it.

    So if the process is killed, the previous checkpoint is intact. Lightning's own writer uses the
    folder for temporary files. If that is another file system, renaming is copying.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write `checkpoint`.

        Raises:
            CheckpointError: The file cannot be written, because the disk is full for example.
        """
        path = Path(path)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as file:
                file.write(content.getbuffer())
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be written ({error.strerror}); an older file of this name is whole"
            ) from error


class StopSignals(AbstractContextManager["StopSignals"]):
    """Notes Ctrl-C and SIGTERM, so that training saves a checkpoint before it stops.

    Before training has begun there is nothing to save. Then the process stops at once.
    """

    def __init__(self) -> None:
        self.received = 0
        self.training = False
        self._process = os.getpid()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        self.listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Handle the signals here. Lightning's handler of SIGTERM would save nothing."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            handler = signal.getsignal(number)
            # A shell that starts a process in the background has it ignore Ctrl-C.
            if handler not in (signal.SIG_IGN, self._note):
                self._before.setdefault(number, handler)
                signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a worker that has only begun
            return
        if not self.training:
            raise StoppedError(number, "stopped while no training was going on; nothing was saved")
        if self.received:  # the second time, do not wait for the step to end
            os._exit(128 + number)
        self.received = number


def outlive_signals(_worker: int = 0) -> None:
    """Have a process that decodes photographs leave Ctrl-C and the first SIGTERM to its parent.

    `timeout`, a scheduler or a terminal sends them to all processes of a run. Without photographs
    the run could not end its step and save. PyTorch ends a worker that hangs by a second SIGTERM.
    """

    def once(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, once)


class Checkpoints(Checkpoint):
    """Writes `checkpoints/last.ckpt` in the run's folder.

    Args:
        every: Number of steps between two of them. There is one at the end as well, and one when
            training is stopped by Ctrl-C or SIGTERM.
    """

    def __init__(self, every: int = 250) -> None:
        self.every = every
        self.signals = StopSignals()
        self._path = Path()
        self._saved = -1

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Find the folder. All processes have to read it, because it is sent by the first."""
        folder = Path(trainer.log_dir or trainer.default_root_dir)
        self._path = folder / "checkpoints" / "last.ckpt"

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._saved = trainer.global_step
        self.signals.listen()
        self.signals.training = True

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        step = trainer.global_step
        stop = bool(self.signals.received)
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        due = step % self.every == 0 or 0 < trainer.max_steps <= step
        if (due or stop) and step != self._saved:
            self._save(trainer)
        if stop:
            raise StoppedError(
                self.signals.received or signal.SIGTERM,
                f"stopped at step {step}; --ckpt_path {self._path} continues from there",
            )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step != self._saved:  # stopped by max_time and the like
            self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.signals.training = False

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.signals.training = False

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self._path, weights_only=False)  # with the optimizer
        self._saved = trainer.global_step


def forget_batches(checkpoint: dict[str, Any], count: int) -> None:
    """Subtract the last `count` batches from Lightning's own counts in a checkpoint.

    From these, a resumed run knows after which batch the optimizer makes a step.
    """
    if count and "loops" in checkpoint:
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        for counts in (progress["total"], progress["current"]):
            counts.update({name: number - count for name, number in counts.items()})
