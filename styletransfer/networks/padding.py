"""Padding by any amount, of an image of any size; sizes stay symbolic in an exported graph."""

import torch
from torch import Tensor


def reflect_pad(x: Tensor, before: int, after: int) -> Tensor:
    """Pad height and width of `x` (N×C×H×W) by reflection, again and again where need be.

    As `torch.nn.functional.pad(mode="reflect")`, but the padding may exceed the image, which
    then is mirrored repeatedly, and an image one pixel wide is repeated.
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
    """Pad height and width of `x` (N×C×H×W in 0..1) by odd reflection, kept in 0..1.

    As `numpy.pad(mode="reflect", reflect_type="odd")` for a padding smaller than the image: the
    mirror image is turned over about the value of the border's pixel. So what rises toward the
    border goes on rising, and there is no axis to be seen. A greater padding is the mirror image
    of the mirror image, turned over as well.
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
