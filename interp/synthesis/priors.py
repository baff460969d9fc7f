"""Priors: what an image should be like, whatever it is to show.

Each is a mean over the pixels, so that a weight means the same at every size, and a sum over the
images, so that those of one batch do not know of each other.
"""

import torch
from torch import Tensor

from interp.synthesis.loop import Prior

GRAY = 0.5


def squared_norm(weight: float, zero: Tensor | float = GRAY) -> Prior:
    """`weight`·‖x − zero‖² a pixel: the L2 penalty of Simonyan, Vedaldi and Zisserman 2014, "Deep
    Inside Convolutional Networks"; `zero` is a number or 1×3×1×1."""
    return alpha_norm(weight, 2, zero)


def alpha_norm(weight: float, alpha: float = 6, zero: Tensor | float = GRAY) -> Prior:
    """`weight`·Σ|x − zero|^α over the colors, a pixel: keeps values in range for a large α.

    Mahendran and Vedaldi 2015, "Understanding Deep Image Representations by Inverting Them".
    """

    def prior(image: Tensor) -> Tensor:
        return weight * (image - zero).abs().pow(alpha).sum(1).mean((1, 2)).sum()

    return prior


def total_variation(weight: float, beta: float = 2) -> Prior:
    """`weight`·Σ(down² + across²)^(β/2) over the colors, a pixel: `TV^β` of differences between
    neighbors.

    The last row and column have no neighbors and do not count. β = 2 prefers what is smooth; 1
    allows edges, but also spikes (Mahendran and Vedaldi 2015).
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
