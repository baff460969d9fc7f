"""Guided backprop: gradients that each ReLU lets pass only where they are positive.

It shows which edges excite a class or a neuron. It looks like an explanation, but it is close to an
edge detector: its picture hardly changes when the weights are drawn anew (`interp.saliency.sanity`;
Adebayo et al. 2018, Nie et al. 2018).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import CheckpointError

from interp.network.photographs import ClassNames, Images, as_batch
from interp.network.relus import ReplacedReLUs
from interp.saliency.gradients import gradient
from interp.saliency.targets import Target, as_target
from styletransfer.errors import RequestError


def guided_backprop(model: nn.Module, images: Images, target: Target | ClassNames) -> Tensor:
    """The gradient of the target, with guided ReLUs: N×3×H×W for images N×3×H×W in 0..1.

    Every ReLU counts that is one call of PyTorch: the module, function or method `relu`, ReLU6,
    `hardtanh` from 0, `clamp` or `clip` at 0, `threshold` of 0, the `maximum` or `max` with zeros,
    `where(x > 0, x, 0)`, `masked_fill(x < 0, 0)`, and `x * (x > 0)`, in place or not. Other
    activations keep their gradient, and so does a ReLU written in any other way.

    Raises:
        RequestError: No ReLU lies before the target. The message names the activations found.

    Reference: Springenberg et al. 2015, "Striving for Simplicity".
    """
    images, target = as_batch(model, images), as_target(model, target)
    rule = ReplacedReLUs(_GuidedReLU.apply)

    def guided(model: nn.Module, pixels: Tensor) -> Tensor:
        # Around the forward pass alone, where the ReLUs are called.
        with rule:
            return target(model, pixels)

    checkpointed = False
    try:
        result = gradient(model, images, guided)
    except CheckpointError:
        checkpointed = True
    # Checkpointing computes such layers again in the backward pass, with ReLUs of its own.
    if checkpointed or rule.without_gradient:
        raise RequestError(
            "guided backprop does not reach the model's checkpointed layers; turn activation "
            "checkpointing off, or take the method gradient"
        )
    if not rule.replaced:
        found = ", ".join(sorted(rule.others)) or "no activation"
        raise RequestError(
            f"guided backprop needs ReLUs, and there is none before the target (found: {found}); "
            "take the method gradient"
        )
    return result


class _GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, top: float | None) -> Tensor:
        result = values.clamp(0, top)
        passes = values > 0
        ctx.save_for_backward(passes if top is None else passes & (values < top))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (passes,) = ctx.saved_tensors
        return gradients[0].clamp(min=0) * passes, None
