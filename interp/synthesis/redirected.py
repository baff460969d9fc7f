"""ReLUs that let a gradient through where all of it would be lost.

From a gray image a class or a channel is often below zero everywhere. Behind a ReLU (SqueezeNet's
scores come from one) it then has no gradient at all, and could never be raised.
"""

from typing import Any

import torch
from torch import Tensor

from interp.network.relus import ReplacedReLUs


def redirected_relus() -> ReplacedReLUs:
    """While open, a ReLU whose whole gradient for an image is zero passes what would raise it.

    Any other gradient is the true one. It is for objectives to be minimized: what raises a value
    has a negative gradient.

    Reference: Olah, Mordvintsev and Schubert 2017, "Feature Visualization".
    """
    return ReplacedReLUs(_RedirectedReLU.apply)


class _RedirectedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, top: float | None) -> Tensor:
        ctx.top = top
        ctx.save_for_backward(values.clone())
        return values.clamp(0, top)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (values,), (gradient,) = ctx.saved_tensors, gradients
        open_ = values > 0 if ctx.top is None else (values > 0) & (values < ctx.top)
        passed = gradient * open_
        lost = (passed == 0).flatten(1).all(1).view(-1, *[1] * (values.ndim - 1))
        raising = gradient.clamp(max=0) * (values <= 0)
        return torch.where(lost, raising, passed), None
