"""Will the work fit in memory? Said before it begins."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from styletransfer.errors import RequestError

# torch is slow to import, and only a gradient needs it.
if TYPE_CHECKING:
    from torch import Tensor

# Beside what is kept for the gradient: the gradient, L-BFGS's history, and what lives for one
# operation.
_MARGIN = 3
# What is kept at two sizes; their difference tells what a pixel needs, and leaves weights out.
_PROBES = (96, 160)
_GROUP = Path("/sys/fs/cgroup")  # of a container, whose memory may be less than the machine's


def available_memory() -> int:
    """The bytes that can still be taken without swapping, within the limit of a container."""
    machine = int(psutil.virtual_memory().available)
    try:
        limit = int((_GROUP / "memory.max").read_text())
        return min(machine, limit - int((_GROUP / "memory.current").read_text()))
    except (OSError, ValueError):  # no such files, or "max": no limit
        return machine


def check_memory(what: str, height: int, width: int, *, per_pixel: int, fixed: int = 0) -> None:
    """Refuse a size that memory does not suffice for.

    Args:
        what: Name of what is to be made.
        height, width: Its size in pixels.
        per_pixel: Bytes for each of its pixels.
        fixed: Bytes that are needed whatever its size.

    Raises:
        RequestError: It does not fit. The message has the largest size of this shape that does.
    """
    needed = fixed + per_pixel * height * width
    there = available_memory()
    if needed <= there:
        return
    shrink = math.sqrt(max(0, there - fixed) / (per_pixel * height * width))
    raise RequestError(
        f"{what} of {width}×{height} pixels needs {needed / 1e9:.1f} GB of memory, and "
        f"{there / 1e9:.1f} GB are free; the largest of this shape that fits is "
        f"{math.floor(width * shrink)}×{math.floor(height * shrink)}"
    )


def require_gradient_memory(
    evaluate: "Callable[[Tensor], object]", height: int, width: int
) -> None:
    """Refuse an image of a size whose gradient needs more memory than there is.

    Args:
        evaluate: The objective, of an image 1×3×H×W. It is called with two small ones, and what
            they keep for the gradient is counted; that grows with the number of pixels.
        height, width: Size of the image in pixels.

    Raises:
        RequestError: It does not fit. The message has the largest size of this shape that does.
    """
    if height * width <= max(_PROBES) ** 2:
        return
    small, large = (_kept_bytes(evaluate, side) for side in _PROBES)
    per_pixel = _MARGIN * (large - small) / (_PROBES[1] ** 2 - _PROBES[0] ** 2)
    check_memory("an image", height, width, per_pixel=math.ceil(per_pixel))


def _kept_bytes(evaluate: "Callable[[Tensor], object]", side: int) -> int:
    import torch

    kept: dict[int, Tensor] = {}  # the tensors too, lest memory that one frees serves another

    def keep(tensor: "Tensor") -> "Tensor":
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    image = torch.full((1, 3, side, side), 0.5, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        evaluate(image)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
