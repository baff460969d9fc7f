"""Transforms: what the objective sees instead of the image, another one in every step.

What is to be seen must then survive small changes, which the noise that fools a network does not
(Mordvintsev, Olah and Tyka 2015, "Inceptionism"; Olah, Mordvintsev and Schubert 2017, "Feature
Visualization"). Each draws the same change for all images N×3×H×W. All but `crop` and `resize`
keep their size.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from interp.synthesis.loop import Transform
from interp.synthesis.regularizers import GRAY


def jitter(reach: int) -> Transform:
    """Shift by up to `reach` pixels down and across; what leaves on one side enters on the other.

    As it is a permutation of pixels, the gradient that comes back is shifted back exactly.
    """

    def transform(image: Tensor, generator: torch.Generator) -> Tensor:
        down, across = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
        return image.roll((down, across), (2, 3))

    return transform


def scale(reach: float) -> Transform:
    """Enlarge about the middle by a factor of 1 − `reach` to 1 + `reach`, with gray around."""

    def transform(image: Tensor, generator: torch.Generator) -> Tensor:
        return turned(image, factor=1 + _between(-reach, reach, generator))

    return transform


def crop(least: float, side: int) -> Transform:
    """Cut a random part of at least `least` of the sides out, and bring it to `side`×`side`."""

    def transform(image: Tensor, generator: torch.Generator) -> Tensor:
        height, width = image.shape[2:]
        share = _between(least, 1, generator)
        tall, wide = max(1, round(share * height)), max(1, round(share * width))
        top = round(_between(0, height - tall, generator))
        left = round(_between(0, width - wide, generator))
        part = image[..., top : top + tall, left : left + wide]
        return F.interpolate(part, (side, side), mode="bilinear", antialias=True)

    return transform


def resize(side: int) -> Transform:
    """Bring to `side`×`side`, without randomness."""

    def transform(image: Tensor, generator: torch.Generator) -> Tensor:
        return F.interpolate(image, (side, side), mode="bilinear", antialias=True)

    return transform


def noise(spread: float) -> Transform:
    """Add noise of the standard deviation `spread`."""

    def transform(image: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.randn(image.shape[1:], generator=generator, dtype=image.dtype)
        return image + spread * drawn.to(image.device)

    return transform


def rotation(reach: float) -> Transform:
    """Turn about the middle by up to `reach` degrees either way, with gray around."""

    def transform(image: Tensor, generator: torch.Generator) -> Tensor:
        return turned(image, degrees=_between(-reach, reach, generator))

    return transform


def turned(image: Tensor, *, factor: float = 1.0, degrees: float = 0.0) -> Tensor:
    """The image enlarged and turned to the left about its middle, bilinear, of the same size."""
    height, width = image.shape[2:]
    cosine, sine = (f(math.radians(degrees)) / factor for f in (math.cos, math.sin))
    # From places in the result to places in the image, both in -1..1.
    rows = [[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]]
    matrix = torch.tensor(rows, dtype=image.dtype, device=image.device)
    places = F.affine_grid(matrix.expand(len(image), 2, 3), list(image.shape), align_corners=False)
    # The border is zero, so gray must be.
    return F.grid_sample(image - GRAY, places, align_corners=False) + GRAY


def _between(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()
