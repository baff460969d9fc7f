"""Projections: how pixels N×3×H×W are changed after each step, towards what images are like.

Yosinski et al. 2015, "Understanding Neural Networks Through Deep Visualization". Their pixels are
relative to the training images' mean, which is `zero` here, a number or 1×3×1×1.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from interp.synthesis.loop import Projection
from interp.synthesis.priors import GRAY


def within(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
    """Clipped to 0..1."""
    return pixels.clamp(0, 1)


def decay(rate: float, zero: Tensor | float = GRAY) -> Projection:
    """Moved towards `zero` by `rate` of the distance."""

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        return torch.lerp(pixels, torch.as_tensor(zero).to(pixels).expand_as(pixels), rate)

    return project


def blur(sigma: float, every: int = 1, *, end: float | None = None, steps: int = 1) -> Projection:
    """Gaussian blur of `sigma` pixels after every so many steps.

    With `end`, sigma goes from the one to the other within `steps`, evenly.
    """

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        if (step + 1) % every:
            return pixels
        share = min(1.0, step / max(1, steps - 1))
        return blurred(pixels, sigma if end is None else sigma + (end - sigma) * share)

    return project


def clip_small_norm(percentile: float, zero: Tensor | float = GRAY) -> Projection:
    """Pixels whose distance from `zero`, over the colors, is below the percentile become it."""

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        return _cleared(pixels, (pixels - zero).norm(dim=1, keepdim=True), percentile, zero)

    return project


def clip_small_contribution(percentile: float, zero: Tensor | float = GRAY) -> Projection:
    """Pixels that matter little become `zero`: those whose contribution is below the percentile.

    The contribution is the change of the objective if the pixel became `zero`, by its gradient:
    |Σ (x − zero)·g| over the colors.
    """

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        contribution = ((pixels - zero) * gradient).sum(1, keepdim=True).abs()
        return _cleared(pixels, contribution, percentile, zero)

    return project


def blurred(pixels: Tensor, sigma: float) -> Tensor:
    """Convolved with a Gaussian of `sigma` pixels, cut at 4 σ; the border is repeated."""
    reach = math.ceil(4 * sigma)
    if not reach:
        return pixels
    places = torch.arange(-reach, reach + 1, dtype=pixels.dtype, device=pixels.device)
    weights = torch.exp(-places.square() / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(pixels.shape[1], 1, 1, -1)
    padded = F.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(padded, weights, groups=pixels.shape[1])
    return F.conv2d(across, weights.mT, groups=pixels.shape[1])


def _cleared(pixels: Tensor, values: Tensor, percentile: float, zero: Tensor | float) -> Tensor:
    """`zero` where the values, N×1×H×W, are below their image's percentile."""
    limits = values.flatten(1).quantile(percentile / 100, dim=1).view(-1, 1, 1, 1)
    return torch.where(values < limits, torch.as_tensor(zero).to(pixels), pixels)
