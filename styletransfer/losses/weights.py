"""Reading a file of weights, or saying why it cannot be read."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletransfer.errors import WeightsError


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors`, `.pth` or `.pt` file, by name.

    No pickled code is run.

    Raises:
        WeightsError: The file is missing, damaged, or holds something else than tensors.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file of weights; give a .safetensors or .pth file in torchvision's "
            "layout, or 'default' to download torchvision's"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # The readers answer damaged bytes with almost any exception there is.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WeightsError(
            f"{path}: not a file of weights that can be read ({reason}); get it again"
        ) from error
    # A checkpoint of Lightning and its like.
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path}: holds something else than a state dict; save only that")
    tensors: dict[str, Tensor] = state
    return tensors
