"""Every call of a ReLU in a forward pass, however the model writes it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

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


class ReplacedReLUs(TorchFunctionMode):
    """While open, every call of a ReLU is computed by another function.

    Args:
        relu: Takes the values and their upper limit (None, or 6 for a ReLU6), and returns the
            rectified values. Its gradient is the one that counts.

    Attributes:
        replaced: Number of calls so far.
        others: Names of the other activations that were called.
    """

    def __init__(self, relu: Callable[[Tensor, float | None], Tensor]) -> None:
        super().__init__()
        self.relu = relu
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
        call = _as_relu(func, args, kwargs)
        if call is None:
            name = getattr(func, "__name__", "").rstrip("_")
            if name in _OTHER_ACTIVATIONS:
                self.others.add(_OTHER_ACTIVATIONS[name])
            return func(*args, **kwargs)
        values, top, in_place = call
        self.replaced += 1
        result = self.relu(values, top)
        return values.copy_(result) if in_place else result


def _as_relu(
    func: _Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, float | None, bool] | None:
    """What a call of `func` rectifies, its greatest value, and whether in place; None if it is no
    ReLU."""

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
