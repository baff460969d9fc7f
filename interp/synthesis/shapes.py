"""Gradient shapes: which gradient the optimizer gets, instead of the true one, N×3×H×W."""

import torch
from torch import Tensor

from interp.synthesis.loop import GradientShape


def normalized(gradient: Tensor, step: int) -> Tensor:
    """Scaled to a mean absolute value of 1 for each image, so that the rate is the mean change.

    A gradient of zero stays zero. Mordvintsev, Olah and Tyka 2015, "Inceptionism".
    """
    size = gradient.abs().mean((1, 2, 3), keepdim=True)
    return gradient / size.clamp(min=torch.finfo(gradient.dtype).tiny)


def center_bias(steps: int, start: float = 0.15, end: float = 1.0) -> GradientShape:
    """Strongest in the middle, and growing outwards: a Gaussian, 1 in the middle of the image.

    Its standard deviation goes from `start` to `end` of each side within `steps`, evenly. So the
    image has one object in its middle. Nguyen, Yosinski and Clune 2016, "Multifaceted Feature
    Visualization".
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
