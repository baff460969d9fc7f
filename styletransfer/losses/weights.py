"""Read a file of weights."""

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from styletransfer.errors import WeightsError


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors`, `.pth` or `.pt` file by name, without running code.

    Raises:
        WeightsError: The file is missing or damaged, or contains something else than tensors.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file of weights; give a .safetensors or .pth file with torchvision's "
            "names, or 'default' to download torchvision's weights"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # For damaged bytes the readers may raise any exception.
    except Exception as error:
        raise WeightsError(
            f"{path}: this file of weights cannot be read ({reading_fault(error)}); "
            "download it again"
        ) from error
    # As in a checkpoint of Lightning.
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path}: this is not a state dict; save only the state dict")
    tensors: dict[str, Tensor] = state
    return tensors


def reading_fault(error: Exception) -> str:
    """Return in one sentence why PyTorch cannot read a file of tensors."""
    if isinstance(error, UnpicklingError):  # its text is advice for programmers
        return "it is damaged, or contains other objects than tensors"
    return re.split(r"\.?(?:\n|\.\s)", str(error).strip())[0] or type(error).__name__
