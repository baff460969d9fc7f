"""Grid: in flat areas, is there more of the periods 2 and 4 than of those beside them?

A network that works at a half or a quarter of the size can leave checkerboards and lines of just
these periods, which show where the photograph itself has nothing to hide them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from styletransfer.evaluation.luminance import luminance

# Side of the areas: a multiple of 4, so that both periods are frequencies of its transform.
SIDE, STEP = 32, 16
# At most so many areas a photograph, of at most this standard deviation of the luminance.
MOST, FLAT = 24, 0.03
# Amplitude of what can't be seen in 8 bits; every frequency counts as having at least that.
INVISIBLE = 0.1 / 255
# Steps of the transform to the neighbours: beyond the width of the window's own lobe.
AWAY = (2, 3)


class Grid(NamedTuple):
    """Energy at period 2 and at period 4 by that of their neighbours: 1 is no grid."""

    period2: float
    period4: float


def flat_areas(photograph: Tensor) -> list[tuple[int, int]]:
    """Top and left of the flattest 32×32 areas of a 1×3×H×W photograph; none if none is flat."""
    light = luminance(photograph)
    if min(light.shape) < SIDE:
        return []
    spread = light.unfold(0, SIDE, STEP).unfold(1, SIDE, STEP).std((2, 3))
    order = spread.flatten().argsort(stable=True)[:MOST].tolist()
    places = [divmod(index, spread.shape[1]) for index in order]
    return [(STEP * i, STEP * j) for i, j in places if spread[i, j] <= FLAT]


def grid(image: Tensor, areas: list[tuple[int, int]]) -> Grid | None:
    """Measure a 1×3×H×W `image` in `areas`, those `flat_areas` found in its photograph.

    Every area has a Hann window. A period is looked for across, down and on both diagonals,
    and compared with the frequencies before and after it in the same direction, for these have
    what texture runs that way. The direction that shows most decides. None where `areas` is
    empty.
    """
    if not areas:
        return None
    tiles = torch.stack([image[0, :, top : top + SIDE, left : left + SIDE] for top, left in areas])
    tiles = tiles.double()
    hann = torch.hann_window(SIDE, dtype=torch.float64, device=image.device)
    window = hann[:, None] * hann
    waves = torch.fft.fft2((tiles - tiles.mean((2, 3), keepdim=True)) * window)
    amplitude = 2 * waves.abs() / window.sum()
    energy = amplitude**2 + INVISIBLE**2
    # By its own geometric mean, so that a calm area counts as much as a lively one.
    level = energy.log().mean((2, 3), keepdim=True).exp()
    energy = (energy / level).mean((0, 1))
    return Grid(*(_most(energy, SIDE // period) for period in (2, 4)))


def _most(energy: Tensor, frequency: int) -> float:
    ratios = []
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        steps = [frequency + sign * away for away in AWAY for sign in (-1, 1)]
        beside = torch.stack([energy[down * s % SIDE, across * s % SIDE] for s in steps])
        # Spectra fall like a power of the frequency: on a logarithmic scale, along a line.
        expected = beside.log().mean().exp()
        ratios.append(energy[down * frequency % SIDE, across * frequency % SIDE] / expected)
    return torch.stack(ratios).max().item()
