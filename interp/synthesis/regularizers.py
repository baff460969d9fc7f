"""Regularizers: what an image should be like, whatever it is to show.

A prior is a term of the objective. It is a mean over the pixels, so that a weight means the same at
every size, and a sum over the images, so that those of one batch do not affect each other.

A gradient shape changes the gradient before the step. A projection changes the pixels after it.
Yosinski et al. 2015, "Understanding Neural Networks Through Deep Visualization", whose pixels are
relative to the mean of the training images: that is `zero` here, a number or 1×3×1×1.
"""

import math

import torch
from torch import Tensor
from torchvision.transforms import functional as vision

from interp.synthesis.loop import GradientShape, Prior, Projection

GRAY = 0.5


def squared_norm(weight: float, zero: Tensor | float = GRAY) -> Prior:
    """The L2 penalty `weight`·‖x − zero‖² per pixel.

    Reference: Simonyan, Vedaldi and Zisserman 2014, "Deep Inside Convolutional Networks".
    """
    return alpha_norm(weight, 2, zero)


def alpha_norm(weight: float, alpha: float = 6, zero: Tensor | float = GRAY) -> Prior:
    """`weight`·Σ|x − zero|^α over the colors, per pixel. A large α keeps values in range.

    Reference: Mahendran and Vedaldi 2015, "Understanding Deep Image Representations by Inverting
    Them".
    """

    def prior(image: Tensor) -> Tensor:
        return weight * (image - zero).abs().pow(alpha).sum(1).mean((1, 2)).sum()

    return prior


def total_variation(weight: float, beta: float = 2) -> Prior:
    """`weight`·Σ(down² + across²)^(β/2) over the colors, per pixel, of differences of neighbors.

    The last row and column have no neighbors and do not count. β = 2 prefers what is smooth. β = 1
    allows edges, but also single spikes (Mahendran and Vedaldi 2015).
    """

    def prior(image: Tensor) -> Tensor:
        down = image[..., 1:, :-1] - image[..., :-1, :-1]
        across = image[..., :-1, 1:] - image[..., :-1, :-1]
        squares = down.square() + across.square()
        if beta != 2:
            # Without this a flat image has no gradient: 0 to a power below 1.
            squares = (squares + torch.finfo(image.dtype).eps ** 2).pow(beta / 2)
        return weight * squares.sum(1).mean((1, 2)).sum()

    return prior


def normalized(gradient: Tensor, step: int) -> Tensor:
    """The gradient N×C×H×W with a mean absolute value of 1 per image: the rate is the mean change.

    A gradient of zero stays zero. Reference: Mordvintsev, Olah and Tyka 2015, "Inceptionism".
    """
    size = gradient.abs().mean((1, 2, 3), keepdim=True)
    return gradient / size.clamp(min=torch.finfo(gradient.dtype).tiny)


def center_bias(steps: int, start: float = 0.15, end: float = 1.0) -> GradientShape:
    """Weigh the gradient by a Gaussian about the middle that grows, so that one object is there.

    Its standard deviation goes evenly from `start` to `end` of each side within `steps`.
    Reference: Nguyen, Yosinski and Clune 2016, "Multifaceted Feature Visualization".
    """

    def shape(gradient: Tensor, step: int) -> Tensor:
        spread = start + (end - start) * min(1.0, step / max(1, steps - 1))
        down, across = (
            torch.linspace(-0.5, 0.5, side, dtype=gradient.dtype, device=gradient.device)
            for side in gradient.shape[2:]
        )
        squares = down.square()[:, None] + across.square()[None]
        return gradient * torch.exp(-squares / (2 * spread**2))

    return shape


def within(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
    """Pixels clipped to 0..1."""
    return pixels.clamp(0, 1)


def decay(rate: float, zero: Tensor | float = GRAY) -> Projection:
    """Move pixels towards `zero` by `rate` of the distance."""

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        return torch.lerp(pixels, torch.as_tensor(zero).to(pixels).expand_as(pixels), rate)

    return project


def blur(sigma: float, every: int = 1, *, end: float | None = None, steps: int = 1) -> Projection:
    """Blur by a Gaussian of `sigma` pixels after every `every` steps.

    With `end`, sigma goes evenly from `sigma` to `end` within `steps`.
    """

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        if (step + 1) % every:
            return pixels
        share = min(1.0, step / max(1, steps - 1))
        return blurred(pixels, sigma if end is None else sigma + (end - sigma) * share)

    return project


def clip_small_norm(percentile: float, zero: Tensor | float = GRAY) -> Projection:
    """Set pixels to `zero` whose distance from it is below the percentile of their image."""

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        return _cleared(pixels, (pixels - zero).norm(dim=1, keepdim=True), percentile, zero)

    return project


def clip_small_gradient(percentile: float, zero: Tensor | float = GRAY) -> Projection:
    """Set pixels to `zero` whose gradient is below the percentile of their image.

    The size of a pixel's gradient is its norm over the colors.
    """

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        return _cleared(pixels, gradient.norm(dim=1, keepdim=True), percentile, zero)

    return project


def clip_small_contribution(percentile: float, zero: Tensor | float = GRAY) -> Projection:
    """Set pixels to `zero` whose contribution is below the percentile of their image.

    The contribution is how much the objective would change if the pixel became `zero`, estimated
    from its gradient: |Σ (x − zero)·g| over the colors.
    """

    def project(pixels: Tensor, gradient: Tensor, step: int) -> Tensor:
        contribution = ((pixels - zero) * gradient).sum(1, keepdim=True).abs()
        return _cleared(pixels, contribution, percentile, zero)

    return project


def blurred(pixels: Tensor, sigma: float) -> Tensor:
    """N×C×H×W convolved with a Gaussian of `sigma` pixels, cut at 4 σ; borders are mirrored."""
    # Reflection needs more pixels than the kernel reaches; a small image takes a smaller kernel.
    reach = min(math.ceil(4 * sigma), min(pixels.shape[2:]) - 1)
    if not reach:
        return pixels
    result: Tensor = vision.gaussian_blur(pixels, [2 * reach + 1] * 2, [sigma] * 2)
    return result


def _cleared(pixels: Tensor, values: Tensor, percentile: float, zero: Tensor | float) -> Tensor:
    """`zero` where the values, N×1×H×W, are below their image's percentile."""
    limits = values.flatten(1).quantile(percentile / 100, dim=1).view(-1, 1, 1, 1)
    return torch.where(values < limits, torch.as_tensor(zero).to(pixels), pixels)
