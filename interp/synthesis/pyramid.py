"""Coarse to fine: optimize a small picture, enlarge it, and go on from there.

A loss network sees a few dozen pixels at once. In a small picture those hold what is large in the
great one, so its layout is settled first, and cheaply. Gatys, Ecker, Bethge, Hertzmann and
Shechtman 2017, "Controlling Perceptual Factors in Neural Style Transfer", section 6.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from interp.synthesis.canvas import PixelCanvas
from interp.synthesis.loop import Objective, Outcome, Progress, optimize_image
from styletransfer.errors import RequestError

# Least side of a picture in pixels. A smaller one has no statistics that are worth matching.
LEAST = 16


def level_scales(levels: int) -> list[float]:
    """The scale of each level, coarsest first, each twice that before it, the last one 1."""
    return [2.0 ** (level - levels + 1) for level in range(levels)]


def scaled(image: Tensor, scale: float) -> Tensor:
    """N×C×H×W at another scale; at 1 the image itself."""
    height, width = (max(1, round(side * scale)) for side in image.shape[2:])
    return resized_to(image, height, width)


def resized_to(image: Tensor, height: int, width: int) -> Tensor:
    """N×C×H×W at another size, by smoothed bilinear interpolation, so it stays within its range."""
    if image.shape[2:] == (height, width):
        return image
    return F.interpolate(image, (height, width), mode="bilinear", antialias=True)


def noise(height: int, width: int, seed: int) -> Tensor:
    """Uniform noise in 0..1, 1×3×height×width."""
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def most_levels(height: int, width: int, least: int) -> int:
    """How many levels leave the short side at least `least` pixels; 1 or more."""
    return max(1, (min(height, width) // least).bit_length())


def require_levels(height: int, width: int, levels: int, name: str) -> None:
    """Refuse an image that is too small at the coarsest of the levels.

    Raises:
        RequestError: It is too small; the message calls it `name`.
    """
    if min(height, width) < LEAST:
        raise RequestError(
            f"{name} has {width}×{height} pixels; give one of at least {LEAST}×{LEAST}"
        )
    if levels > (most := most_levels(height, width, LEAST)):
        raise RequestError(
            f"{name}, {width}×{height} pixels, is too small for {levels} levels, each half of the "
            f"next; give at most {most}"
        )


def out_of_range(image: Tensor) -> Tensor:
    """The mean squared distance of pixels from 0..1: what can be shown costs nothing."""
    return (image - image.clamp(0, 1)).square().mean()


def coarse_to_fine(
    start: Tensor,
    objective_at: Callable[[float], Objective],
    *,
    levels: int,
    steps: int,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
    range_weight: float,
    on_step: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Optimize from `start` at each of the scales, coarsest first.

    Args:
        start: N×3×H×W, of the size of the result.
        objective_at: The objective at a scale, of images that are as large as `scaled(start, …)`.
        levels: Number of scales.
        steps: Number of steps of the optimizer at each.
        range_weight: Weight of the prior `out_of_range`.
        optimizer, on_step: As `optimize_image` takes them.

    Returns:
        The picture of the last level and the terms of all. Ctrl-C ends the work; the picture is
        then that of the level that was at work.

    Raises:
        WorkError: A term is not finite.
    """
    history: list[dict[str, float]] = []
    picture = start
    for scale in level_scales(levels):
        sized = scaled(start, scale)
        # Not twice the last: from the one start while nothing was done, and odd sizes fit.
        picture = resized_to(picture, *sized.shape[2:]) if history else sized
        outcome = optimize_image(
            PixelCanvas(picture),
            objective_at(scale),
            steps=steps,
            optimizer=optimizer,
            priors={"range": lambda image: range_weight * out_of_range(image)},
            on_step=on_step,
        )
        history += outcome.history
        picture = outcome.picture
        if outcome.interrupted:
            break
    return Outcome(picture, history, outcome.interrupted)
