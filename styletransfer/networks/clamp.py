"""A clamp to 0..1 whose gradient lets values return to that range."""

from typing import Any

import torch
from torch import Tensor


class _ClampUnit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        (grad,) = grads
        outward = ((x < 0) & (grad > 0)) | ((x > 1) & (grad < 0))
        return grad.masked_fill(outward, 0)


def clamp_unit(x: Tensor) -> Tensor:
    """Clamp to 0..1, with a gradient outside unless a descent step would go further outside.

    A plain clamp has no gradient outside 0..1, so training could not change a saturated pixel.
    """
    if torch.is_grad_enabled() and x.requires_grad:
        return _ClampUnit.apply(x)  # type: ignore[no-any-return]
    return x.clamp(0, 1)
