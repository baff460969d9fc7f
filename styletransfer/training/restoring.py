"""Whether a checkpoint holds what training continues from, in the form that is expected."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from packaging.version import InvalidVersion, Version
from torch import Tensor

from styletransfer.checkpoint import Checkpoint
from styletransfer.errors import CheckpointError

VERSION = "pytorch-lightning_version"


def check_restorable(
    checkpoint: Checkpoint, module: pl.LightningModule, trainer: pl.Trainer, source: Path
) -> None:
    """Refuse a checkpoint before Lightning restores a part of it that is malformed.

    The form of each part is taken from the same part of a run that begins.

    Args:
        checkpoint: What `read_checkpoint` returns.
        module: The module that will be trained, which has the trainer.
        trainer: The trainer.
        source: The file, for the error.

    Raises:
        CheckpointError: A part is missing or malformed.
    """
    configured: Any = module.configure_optimizers()
    expected: dict[str, Any] = {
        "epoch": 0,
        "global_step": 0,
        "loops": {
            "fit_loop": trainer.fit_loop.state_dict(),
            "validate_loop": trainer.validate_loop.state_dict(),
        },
        "optimizer_states": [configured["optimizer"].state_dict()],
        "lr_schedulers": [configured["lr_scheduler"]["scheduler"].state_dict()],
        VERSION: "",
    }
    if "callbacks" in checkpoint:  # those of this run alone are restored, as far as they are there
        states = checkpoint["callbacks"]
        expected["callbacks"] = {
            callback.state_key: callback.state_dict()
            for callback in trainer.callbacks  # type: ignore[attr-defined]
            if isinstance(states, dict) and callback.state_key in states
        }
    if "current_model_state" in checkpoint:
        expected["averaging_state"] = {"n_averaged": torch.tensor(0)}
    fault = next(_faults(checkpoint, expected), None)
    if fault is None:
        try:
            Version(checkpoint[VERSION])
        except InvalidVersion:
            fault = VERSION
    if fault is not None:
        raise CheckpointError(
            f"{source}: its entry {fault} is missing or malformed; take an earlier checkpoint"
        )


def _faults(value: Any, form: Any, name: str = "") -> Iterator[str]:
    """Yield the name of each part of `value` that has not the form of the same part of `form`."""
    if isinstance(form, dict):
        fits = isinstance(value, dict)
        for key in form if fits else ():
            yield from _faults(value.get(key), form[key], f"{name}.{key}".lstrip("."))
    elif isinstance(form, list | tuple):
        fits = isinstance(value, list | tuple) and len(value) == len(form)
        for place, part in enumerate(form if fits else ()):
            yield from _faults(value[place], part, f"{name}.{place}")
    elif isinstance(form, Tensor):
        fits = isinstance(value, Tensor) and value.shape == form.shape
    elif form is None or isinstance(form, bool):
        fits = isinstance(value, bool) or (form is None and value is None)
    elif isinstance(form, float):
        fits = type(value) in (int, float) and math.isfinite(value)
    else:
        fits = type(value) is type(form)
    if not fits:
        yield name
