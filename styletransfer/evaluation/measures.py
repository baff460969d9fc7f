"""Measure faults that style and content losses do not count: tone, frame, grid and flicker."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from torch import Tensor

from styletransfer.losses.frame import NEXT, OUTER, rings
from styletransfer.losses.grid import MOST, SIDE, STEP, area_spread, spectral_peaks
from styletransfer.losses.perceptual import LUMINANCE

# Standard deviation in pixels of the blur before tones are compared.
SIGMA = 8.0
# An area of at most this standard deviation of the luminance is flat.
FLAT = 0.03
# A camera that moves by so many pixels down and across: not by multiples of 4 or 8, the cells in
# which the networks work, at which they would hardly notice.
SHIFTS = ((1, 2), (3, 1))
# Standard deviation of the noise of a sensor, two steps of an 8-bit image.
NOISE = 2 / 255


def luminance(image: Tensor) -> Tensor:
    """Return the luminance (Rec. 709) of `image`, 1×3×H×W in 0..1, as H×W in float64."""
    weights = torch.tensor(LUMINANCE, dtype=torch.float64, device=image.device)
    return torch.einsum("chw,c->hw", image[0].double(), weights)


def tone_correlation(output: Tensor, photograph: Tensor) -> float:
    """Return Spearman's rank correlation of two luminances, blurred with σ = 8 pixels: −1..1.

    It is high if bright areas of the photograph are bright in the output too. Both are 1×3×H×W in
    0..1. It is 0 if one of them has a single color.
    """
    first, second = (_blurred(image) for image in (output, photograph))
    if first.min() == first.max() or second.min() == second.max():
        return 0.0
    return float(spearmanr(first, second).statistic)


def _blurred(image: Tensor) -> NDArray[np.float64]:
    # SciPy blurs rows, then columns; torchvision takes a hundred times as long.
    blurred = gaussian_filter(luminance(image).cpu().numpy(), SIGMA, mode="mirror")
    # Flat areas must tie, and rounding in double precision would order them.
    ranked: NDArray[np.float64] = (blurred * 2**20).round().ravel()
    return ranked


class FrameContrast(NamedTuple):
    """How the outer 8 pixels of a picture differ from the next 24: 0.1 is 10 % more.

    A photograph has such differences too, so compare an output with its photograph. A network
    paints the same frame in all pictures, so the mean over pictures shows it.

    Attributes:
        mean: Difference of the mean luminance.
        spread: Difference of its standard deviation.
    """

    mean: float
    spread: float


def frame(image: Tensor) -> FrameContrast:
    """Measure `image`, 1×3×H×W in 0..1.

    Raises:
        ValueError: A side is shorter than 65 pixels.
    """
    light = luminance(image)
    height, width = light.shape
    if min(height, width) <= 2 * (OUTER + NEXT):
        raise ValueError(f"{width}×{height} pixels leave no room for a frame and what is inside")
    outer, inner = (light[ring] for ring in rings(height, width, light.device))
    return FrameContrast(
        _share(outer.mean().item(), inner.mean().item()),
        _share(outer.std().item(), inner.std().item()),
    )


def _share(value: float, reference: float) -> float:
    # A thousandth of the range: less can't be seen, and would make a share of anything.
    return (value - reference) / max(reference, 1e-3)


class Grid(NamedTuple):
    """Energy at period 2 and at period 4, divided by that of nearby periods: 1 is no grid."""

    period2: float
    period4: float


def flat_areas(photograph: Tensor) -> list[tuple[int, int]]:
    """Return top and left of the flattest 32×32 areas of a photograph, 1×3×H×W in 0..1."""
    spread = area_spread(photograph.double())[0]
    order = spread.flatten().argsort(stable=True)[:MOST].tolist()
    places = [divmod(index, spread.shape[1]) for index in order]
    return [(STEP * i, STEP * j) for i, j in places if spread[i, j] <= FLAT]


def grid(image: Tensor, areas: list[tuple[int, int]]) -> Grid | None:
    """Measure a 1×3×H×W `image` in `areas`, which `flat_areas` found in its photograph.

    For each period, the direction in which it is strongest counts. Returns None if `areas` is
    empty.
    """
    if not areas:
        return None
    tiles = torch.stack([image[0, :, top : top + SIDE, left : left + SIDE] for top, left in areas])
    return Grid(*spectral_peaks(tiles.double()).amax(1).tolist())


def flicker(paint: Callable[[Tensor], Tensor], photograph: Tensor, seed: int = 0) -> float:
    """Return how much more the output changes between two frames than the frames do.

    The first frame is `photograph` (1×3×H×W in 0..1) without a margin of 3 pixels. The second is
    moved and has noise. Each is painted by itself, and the motion is undone. The result is the
    ratio of the root mean squares of both changes, averaged over two motions: 1 means that the
    output is as steady as the film, and 0 that it does not change.
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
    """Return the root mean square difference where both frames show the same."""
    height, width = first.shape[2:]
    same = second[..., : height - down, : width - across]
    return (first[..., down:, across:] - same).square().mean().sqrt().item()
