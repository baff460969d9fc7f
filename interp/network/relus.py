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
_CLAMP: set[_Function] = {
    *(torch.clamp, Tensor.clamp, torch.clip, Tensor.clip),
    *(torch.clamp_min, Tensor.clamp_min),
}
_CLAMP_IN_PLACE: set[_Function] = {
    *(torch.clamp_, Tensor.clamp_, torch.clip_, Tensor.clip_),
    *(torch.clamp_min_, Tensor.clamp_min_),
}
_MAXIMUM: set[_Function] = {
    *(torch.maximum, Tensor.maximum, torch.max, Tensor.max, torch.fmax, Tensor.fmax),
}
_FILL: set[_Function] = {torch.masked_fill, Tensor.masked_fill}
_PRODUCT: set[_Function] = {torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__}

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
        without_gradient: Number of those within `torch.no_grad`.
        others: Names of the other activations that were called.
    """

    def __init__(self, relu: Callable[[Tensor, float | None], Tensor]) -> None:
        super().__init__()
        self.relu = relu
        self.replaced = 0
        self.without_gradient = 0
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
        self.without_gradient += not torch.is_grad_enabled()
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
    if func in (F.threshold, torch.threshold) and (
        argument(1, "threshold") == 0 and argument(2, "value") == 0
    ):
        return values, None, argument(3, "inplace", False)
    if func is torch.threshold_ and args[1:] == (0, 0):
        return values, None, True
    pair = _rectified(func, argument)
    if pair is not None:
        return pair, None, func is Tensor.masked_fill_
    if func is F.hardtanh and argument(1, "min_val", -1.0) == 0:
        return values, argument(2, "max_val", 1.0), argument(3, "inplace", False)
    if func in _CLAMP | _CLAMP_IN_PLACE:
        low, top = argument(1, "min"), argument(2, "max")
        if isinstance(low, int | float) and low == 0 and top is None:
            return values, None, func in _CLAMP_IN_PLACE
    return None


def _rectified(func: _Function, argument: Callable[..., Any]) -> Tensor | None:
    """What a call with a mask or a second tensor rectifies, or None.

    Those are the maximum with zeros, `where(x > 0, x, 0)`, `masked_fill(x < 0, 0)` and
    `x * (x > 0)`.
    """
    first, second, third = argument(0, "input"), argument(1, "other"), argument(2, "other")
    if func in _MAXIMUM:
        pair = [(first, second), (second, first)]
        return next((x for x, other in pair if _is_floating(x) and _are_zeros(other, x)), None)
    if func in (torch.where, Tensor.where):
        mask, values, other = first, second, third
        if func is Tensor.where:
            mask, values = second, first
        if _is_zero(other) and _is_floating(values) and _is_sign(mask, values):
            return _tensor(values)
        if _is_zero(values) and _is_floating(other) and _is_sign(mask, other, negative=True):
            return _tensor(other)
    if func in _FILL or func is Tensor.masked_fill_:
        value = argument(2, "value")
        if _is_zero(value) and _is_sign(argument(1, "mask"), first, negative=True):
            return _tensor(first)
    if func in _PRODUCT:
        for values, mask in ((first, second), (second, first)):
            if _is_floating(values) and _is_sign(mask, values):
                return _tensor(values)
    return None


def _tensor(values: Any) -> Tensor:
    assert isinstance(values, Tensor)
    return values


def _is_floating(values: Any) -> bool:
    return isinstance(values, Tensor) and values.is_floating_point()


def _are_zeros(other: Any, values: Tensor) -> bool:
    """Whether `other` is a tensor of zeros that does not enlarge `values`."""
    if not isinstance(other, Tensor) or not _is_zero(other):
        return False
    return other.ndim <= values.ndim and all(
        mine in (1, whole)
        for mine, whole in zip(other.shape[::-1], values.shape[::-1], strict=False)
    )


def _is_zero(value: Any) -> bool:
    """Whether a number or a tensor is zero everywhere."""
    if isinstance(value, Tensor):
        return value.is_floating_point() and not value.requires_grad and not value.any()
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


def _is_sign(mask: Any, values: Any, *, negative: bool = False) -> bool:
    """Whether a mask of booleans says where the values are positive, or where they are negative."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != values.shape:
        return False
    ways = (values < 0, values <= 0) if negative else (values > 0, values >= 0)
    return any(torch.equal(mask, way) for way in ways)
