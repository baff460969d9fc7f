"""Grid: how far do the periods 2 and 4 stand out in what is flat in a photograph?"""

from typing import NamedTuple

import torch
from torch import Tensor

from styletransfer.losses.grid import MOST, SIDE, STEP, area_spread, spectral_peaks

# An area of at most this standard deviation of the luminance is flat.
FLAT = 0.03


class Grid(NamedTuple):
    """Energy at period 2 and at period 4 by that of their neighbours: 1 is no grid."""

    period2: float
    period4: float


def flat_areas(photograph: Tensor) -> list[tuple[int, int]]:
    """Top and left of the flattest 32×32 areas of a 1×3×H×W photograph; none if none is flat."""
    spread = area_spread(photograph.double())[0]
    order = spread.flatten().argsort(stable=True)[:MOST].tolist()
    places = [divmod(index, spread.shape[1]) for index in order]
    return [(STEP * i, STEP * j) for i, j in places if spread[i, j] <= FLAT]


def grid(image: Tensor, areas: list[tuple[int, int]]) -> Grid | None:
    """Measure a 1×3×H×W `image` in `areas`, those `flat_areas` found in its photograph.

    The direction in which a period stands out most decides. None where `areas` is empty.
    """
    if not areas:
        return None
    tiles = torch.stack([image[0, :, top : top + SIDE, left : left + SIDE] for top, left in areas])
    return Grid(*spectral_peaks(tiles.double()).amax(1).tolist())
