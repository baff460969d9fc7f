"""Guided backprop: gradients that each ReLU lets pass only where they are positive.

It shows which edges excite a class or a neuron, and looks like an explanation, but it is close to
an edge detector: its picture hardly changes when the weights are drawn anew (`interp.saliency.
sanity`; Adebayo et al. 2018, Nie et al. 2018).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from interp.saliency.gradients import gradient
from interp.saliency.targets import Target
from styletransfer.errors import RequestError

_Function = Callable[..., Any]

_RELU: set[_Function] = {torch.relu, F.relu, Tensor.relu}
_RELU_IN_PLACE: set[_Function] = {torch.relu_, F.relu_, Tensor.relu_}
# `x.clamp(min=0)` is how many write a ReLU.
_CLAMP: set[_Function] = {torch.clamp, Tensor.clamp, torch.clamp_min, Tensor.clamp_min}
_CLAMP_IN_PLACE: set[_Function] = {
    torch.clamp_,
    Tensor.clamp_,
    torch.clamp_min_,
    Tensor.clamp_min_,
}

_OTHER_ACTIVATIONS = {
    "celu": "CELU",
    "elu": "ELU",
    "gelu": "GELU",
    "hardswish": "Hardswish",
    "leaky_relu": "LeakyReLU",
    "mish": "Mish",
    "prelu": "PReLU",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softplus": "Softplus",
    "tanh": "Tanh",
}


def guided_backprop(model: nn.Module, images: Tensor, target: Target) -> Tensor:
    """The gradient of the target, with guided ReLUs: N×3×H×W for images N×3×H×W in 0..1.

    Every ReLU call counts, however it is written: module, function or method, in place or not,
    ReLU6, a clamp at 0. Other activations keep their gradient. Springenberg et al. 2015, "Striving
    for Simplicity". RequestError if no ReLU lies before the target, with the activations found.
    """
    rule = GuidedReLUs()

    def guided(model: nn.Module, pixels: Tensor) -> Tensor:
        # Around the forward pass alone, where the ReLUs are called.
        with rule:
            return target(model, pixels)

    result = gradient(model, images, guided)
    if not rule.replaced:
        found = ", ".join(sorted(rule.others)) or "no activation"
        raise RequestError(
            f"guided backprop needs ReLUs, and there is none before the target (found: {found}); "
            "take the method gradient"
        )
    return result


class GuidedReLUs(TorchFunctionMode):
    """While open, every call of a ReLU gets the guided gradient.

    Attributes:
        replaced: the number of calls so far.
        others: the names of other activations that were called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.replaced = 0
        self.others: set[str] = set()

    def __torch_function__(
        self,
        func: _Function,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        call = as_relu(func, args, kwargs)
        if call is None:
            name = getattr(func, "__name__", "").rstrip("_")
            if name in _OTHER_ACTIVATIONS:
                self.others.add(_OTHER_ACTIVATIONS[name])
            return func(*args, **kwargs)
        values, top, in_place = call
        self.replaced += 1
        result = _GuidedReLU.apply(values, top)
        return values.copy_(result) if in_place else result


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


def as_relu(
    func: _Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, float | None, bool] | None:
    """What a call of `func` rectifies, its greatest value, and whether in place; None if it is no
    ReLU. For a `TorchFunctionMode` that replaces them all."""

    def argument(place: int, name: str, default: Any = None) -> Any:
        return args[place] if len(args) > place else kwargs.get(name, default)

    values = argument(0, "input")
    if func in _RELU or func is F.relu6:
        return values, 6.0 if func is F.relu6 else None, argument(1, "inplace", False)
    if func in _RELU_IN_PLACE:
        return values, None, True
    if func is F.hardtanh and argument(1, "min_val", -1.0) == 0:
        return values, argument(2, "max_val", 1.0), argument(3, "inplace", False)
    if func in _CLAMP | _CLAMP_IN_PLACE:
        low, top = argument(1, "min"), argument(2, "max")
        if isinstance(low, int | float) and low == 0 and top is None:
            return values, None, func in _CLAMP_IN_PLACE
    return None
