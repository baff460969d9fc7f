"""Read any layer of a model by its dotted name, and leave nothing behind on the model.

A layer is named as in `model.named_modules()`; `NAME:input` reads what goes into it instead of
what comes out. A value is the layer's own, also where an in-place ReLU follows. A module that a
forward pass calls several times (the one ReLU of a ResNet block) gives its first call; the later
ones are the values of the layers that follow, or of the block.
"""

import difflib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from interp.network.classifier import as_classifier
from styletransfer.errors import RequestError

_INPUT = ":input"

Given = ParamSpec("Given")
Made = TypeVar("Made")


# Hears a layer's name, its module, and what goes in or comes out of each of its calls.
Hear = Callable[[str, nn.Module, Any], None]


class _AllRead(Exception):
    """Ends a forward pass whose remainder nobody needs."""


def named_layers(model: nn.Module) -> dict[str, nn.Module]:
    """All modules by their dotted names, the model itself by the name "".

    Those of a `Classifier` are its model's. A module that has several names is there by the first.
    """
    return dict(_inner(model).named_modules())


def layer_names(model: nn.Module) -> list[str]:
    """The dotted names of all layers; those of a `Classifier` are its model's."""
    return [name for name in named_layers(model) if name]


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """The module called `name`; RequestError with the nearest names where there is none."""
    modules: dict[str, nn.Module] = dict(_inner(model).named_modules(remove_duplicate=False))
    modules.pop("")
    plain = name.removesuffix(_INPUT)
    if plain not in modules:
        near = ", ".join(difflib.get_close_matches(plain, modules, 3, 0))
        raise RequestError(f"the model has no layer {plain!r}; near it: {near}")
    return modules[plain]


def differentiable(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let a function take gradients, also within `torch.no_grad` and `torch.inference_mode`."""

    @functools.wraps(function)
    def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        with torch.inference_mode(False), torch.enable_grad():
            return function(*args, **kwargs)

    return wrapped


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Eval mode, and no gradients for the parameters; then every module as it was.

    An outer `torch.inference_mode` is left for the time, as no gradient can be taken in it.
    """
    modes = [(module, module.training) for module in model.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval()
        for parameter, _ in wanted:
            parameter.requires_grad_(False)
        gradients = torch.is_grad_enabled()
        with torch.inference_mode(False), torch.set_grad_enabled(gradients):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, want in wanted:
            parameter.requires_grad_(want)


@contextmanager
def tapped(model: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """While open, every forward pass fills the yielded dict with the values of `layers`.

    The values are part of the autograd graph, between what is before the layer and what follows,
    so gradients of them and with respect to them can be taken. They are of the last forward pass.

    Raises:
        RequestError: An unknown layer; at the end of a pass, one that holds no tensor or that the
            pass did not call.
    """
    with _hooks(model, layers) as values:
        yield values


def activations(
    model: nn.Module, images: Tensor, layers: Sequence[str], *, gradients: bool = False
) -> dict[str, Tensor]:
    """The values of `layers` for `images` (N×3×H×W in 0..1), by name, each as its layer gives it.

    The model computes in eval mode, and only as far as the deepest of the layers. `gradients`
    keeps the graph back to `images`, which must require them then.

    Raises:
        RequestError: An unknown layer, or one that the forward pass does not call.
    """
    with frozen(model), _hooks(model, layers, stop=True) as values:
        with torch.set_grad_enabled(gradients), suppress(_AllRead):
            as_classifier(model).raw(images)
        return dict(values)


@contextmanager
def calls(
    model: nn.Module, layers: Iterable[str], hear: Hear, *, inputs: bool = False
) -> Iterator[None]:
    """While open, call `hear` at each call of one of `layers`, in the order of the calls.

    Args:
        model: Left without hooks afterwards.
        layers: Names as `layer_names` gives them.
        hear: Called with the layer's name, its module and its output.
        inputs: Give the tuple of inputs instead of the output, before the layer computes.
    """
    modules = named_layers(model)
    handles = []
    try:
        for name in layers:
            module = modules[name]
            if inputs:
                handles.append(
                    module.register_forward_pre_hook(
                        lambda module, given, name=name: hear(name, module, given)
                    )
                )
            else:
                handles.append(
                    module.register_forward_hook(
                        lambda module, _given, made, name=name: hear(name, module, made)
                    )
                )
        yield
    finally:
        for handle in handles:
            handle.remove()


def run_through(model: nn.Module, images: Tensor) -> None:
    """One forward pass in eval mode, without gradients: for what `calls` hears of it."""
    with frozen(model), torch.no_grad():
        as_classifier(model).raw(images)


def last_hidden_layer(model: nn.Module, images: Tensor) -> str:
    """The name under which the last hidden layer is read: the input of the last weights.

    `images`, N×3×H×W, pass through the network once to see which weights come last. The name is
    `classifier.6:input` for AlexNet (4,096 numbers) and `fc:input` for a ResNet.
    """
    called: list[str] = []
    weighted = [
        name
        for name, module in named_layers(model).items()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    ]
    with calls(model, weighted, lambda name, _module, _given: called.append(name), inputs=True):
        run_through(model, images)
    if not called:
        raise RequestError("the model has no linear or convolution layer; name a --layer")
    return called[-1] + _INPUT


def _inner(model: nn.Module) -> nn.Module:
    return as_classifier(model).model


@contextmanager
def _hooks(
    model: nn.Module, layers: Sequence[str], stop: bool = False
) -> Iterator[dict[str, Tensor]]:
    values: dict[str, Tensor] = {}
    fresh: dict[str, Tensor] = {}

    def begin(_module: nn.Module, _inputs: object) -> None:
        fresh.clear()

    def keep(name: str, value: Any) -> Any:
        """Note the value, and pass a copy on: what follows may change it in place."""
        if name in fresh:
            return None
        tensor = value[0] if isinstance(value, tuple) and value else value
        if not isinstance(tensor, Tensor):
            raise RequestError(f"layer {name!r} gives a {type(value).__name__}, not a tensor")
        fresh[name] = values[name] = tensor
        if stop and len(fresh) == len(set(layers)):
            raise _AllRead
        copy = tensor.clone()
        return (copy, *value[1:]) if isinstance(value, tuple) else copy

    def end(_module: nn.Module, _inputs: object, _output: object) -> None:
        for name in layers:
            if name not in fresh:
                raise RequestError(f"the model does not call its layer {name!r}; read another")

    def before(name: str) -> Callable[[nn.Module, Any], Any]:
        return lambda _module, inputs: keep(name, inputs)

    def after(name: str) -> Callable[[nn.Module, Any, Any], Any]:
        return lambda _module, _inputs, output: keep(name, output)

    modules = {name: find_layer(model, name) for name in layers}
    whole = _inner(model)
    handles = [whole.register_forward_pre_hook(begin)]
    try:
        for name, module in modules.items():
            handles.append(
                module.register_forward_pre_hook(before(name))
                if name.endswith(_INPUT)
                else module.register_forward_hook(after(name))
            )
        handles.append(whole.register_forward_hook(end))
        yield values
    finally:
        for handle in handles:
            handle.remove()
