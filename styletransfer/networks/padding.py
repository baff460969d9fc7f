"""Pad images of any size by any amount. Sizes stay symbolic in an exported graph."""

import torch
from torch import Tensor


def reflect_pad(x: Tensor, before: int, after: int) -> Tensor:
    """Pad height and width of `x` (N×C×H×W) by reflection.

    This is `torch.nn.functional.pad(mode="reflect")` without its limits: if the padding is larger
    than the image, the image is mirrored repeatedly, and a single pixel is repeated.
    """
    for dim in (2, 3):
        size = x.shape[dim]
        first = torch.arange(-before, 0, device=x.device)
        last = torch.arange(size, size + after, device=x.device)
        x = torch.cat(
            [
                x.index_select(dim, _mirrored(first, size)),
                x,
                x.index_select(dim, _mirrored(last, size)),
            ],
            dim,
        )
    return x


def odd_reflect_pad(x: Tensor, before: int, after: int) -> Tensor:
    """Pad height and width of `x` (N×C×H×W in 0..1) by odd reflection, clipped to 0..1.

    This is `numpy.pad(mode="reflect", reflect_type="odd")` if the padding is smaller than the
    image: values of the mirror image are also reflected at the value of the border pixel. So a
    gradient continues beyond the border, and no axis of symmetry is visible. A larger padding
    mirrors the image repeatedly.
    """
    for dim in (2, 3):
        size = x.shape[dim]
        first = torch.arange(-before, 0, device=x.device)
        last = torch.arange(size, size + after, device=x.device)
        x = torch.cat(
            [
                _turned_over(x, x.narrow(dim, 0, 1), first, dim),
                x,
                _turned_over(x, x.narrow(dim, size - 1, 1), last, dim),
            ],
            dim,
        )
    return x


def _turned_over(x: Tensor, border: Tensor, index: Tensor, dim: int) -> Tensor:
    mirrored = x.index_select(dim, _mirrored(index, x.shape[dim]))
    return (2 * border - mirrored).clamp(0, 1)


def _mirrored(index: Tensor, size: int) -> Tensor:
    period = torch.full_like(index, 2 * size - 2).clamp(min=1)
    wrapped = torch.remainder(index, period)
    return torch.minimum(wrapped, period - wrapped).clamp(max=size - 1)
