"""Frame: does the border of a picture differ from what lies next to it?"""

from typing import NamedTuple

import torch
from torch import Tensor

from styletransfer.evaluation.luminance import luminance

OUTER, NEXT = 8, 24


class Frame(NamedTuple):
    """How much more the outer 8 pixels have than the next 24, as a share: 0.1 is 10 % more.

    `mean` of luminance, `spread` of its standard deviation. A photograph has its own, so what
    matters is how far an output's are from them; the sign is kept, since a network's frame is
    the same in all pictures, and their mean shows it.
    """

    mean: float
    spread: float


def frame(image: Tensor) -> Frame:
    """Measure `image`, 1×3×H×W in 0..1.

    Raises:
        ValueError: a side is shorter than twice 32 pixels and one more.
    """
    light = luminance(image)
    height, width = light.shape
    if min(height, width) <= 2 * (OUTER + NEXT):
        raise ValueError(f"{width}×{height} pixels leave no room for a frame and what is inside")
    outer, inner = _ring(light, 0, OUTER), _ring(light, OUTER, NEXT)
    return Frame(
        _share(outer.mean().item(), inner.mean().item()),
        _share(outer.std().item(), inner.std().item()),
    )


def _ring(light: Tensor, start: int, width: int) -> Tensor:
    """The pixels at least `start` and less than `start` + `width` from the border."""
    inside = torch.zeros_like(light, dtype=torch.bool)
    end = start + width
    inside[start : light.shape[0] - start, start : light.shape[1] - start] = True
    inside[end:-end, end:-end] = False
    return light[inside]


def _share(value: float, reference: float) -> float:
    # A thousandth of the range: less can't be seen, and would make a share of anything.
    return (value - reference) / max(reference, 1e-3)
