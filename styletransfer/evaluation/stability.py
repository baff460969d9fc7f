"""Stability: how much do neighbouring frames of a film differ, beyond what the film itself does?"""

from collections.abc import Callable

import torch
from torch import Tensor

# A camera that moves by so many pixels down and across: not by multiples of 4, the cell in which
# the networks work, at which they would hardly notice.
SHIFTS = ((1, 2), (3, 1))
# Standard deviation of the noise of a sensor, two steps of an 8-bit image.
NOISE = 2 / 255


def flicker(paint: Callable[[Tensor], Tensor], photograph: Tensor, seed: int = 0) -> float:
    """The change of the output between two frames by that of the frames, motion undone.

    A frame is `photograph` (1×3×H×W in 0..1) but for a margin of 3 pixels; the next one is
    moved and has noise. Each is painted by itself, the motion is undone, and the ratio of the
    root mean squares of the two changes is returned, the mean over two motions: 1 is as steady
    as the film, 0 as steady as can be.
    """
    generator = torch.Generator().manual_seed(seed)
    margin = max(max(shift) for shift in SHIFTS)
    height, width = (size - margin for size in photograph.shape[2:])
    first = photograph[..., :height, :width]
    painted = paint(first)
    ratios = []
    for down, across in SHIFTS:
        moved = photograph[..., down : down + height, across : across + width]
        noise = NOISE * torch.randn(moved.shape, generator=generator)
        second = (moved + noise).clamp(0, 1)
        change = _change(first, second, down, across)
        ratios.append(_change(painted, paint(second), down, across) / max(change, 1e-9))
    return sum(ratios) / len(ratios)


def _change(first: Tensor, second: Tensor, down: int, across: int) -> float:
    """Root mean square difference where both frames show the same."""
    height, width = first.shape[2:]
    same = second[..., : height - down, : width - across]
    return (first[..., down:, across:] - same).square().mean().sqrt().item()
