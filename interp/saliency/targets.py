"""What a saliency map explains: a class, or a neuron or channel of an inner layer.

A target takes a model and images N×3×H×W in 0..1, and gives a number for each image that can be
differentiated. One target serves all the images of a call.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from interp.network.taps import activations
from styletransfer.errors import RequestError

Target = Callable[[nn.Module, Tensor], Tensor]


def class_score(index: int) -> Target:
    """The unnormalized score of class `index`; RequestError at the call if there is none."""

    def target(model: nn.Module, images: Tensor) -> Tensor:
        return _of_class(model(images), index)

    return target


def class_probability(index: int) -> Target:
    """The probability of class `index`, by a softmax over the scores."""

    def target(model: nn.Module, images: Tensor) -> Tensor:
        return _of_class(model(images).softmax(-1), index)

    return target


def layer_value(layer: str, channel: int, place: tuple[int, int] | None = None) -> Target:
    """The value of a neuron: `channel` of `layer` at `place` (row, column).

    Without `place` it is the sum over the channel's places. A layer without places (N×C) takes
    none. RequestError at the call for a layer, channel or place that there is not.
    """

    def target(model: nn.Module, images: Tensor) -> Tensor:
        values = activations(model, images, [layer], gradients=torch.is_grad_enabled())[layer]
        if values.ndim not in (2, 4):
            shape = "×".join(map(str, values.shape[1:]))
            raise RequestError(f"layer {layer!r} gives {shape}, no channels; name another layer")
        if not 0 <= channel < values.shape[1]:
            raise RequestError(
                f"layer {layer!r} has no channel {channel}; they are 0 to {values.shape[1] - 1}"
            )
        chosen = values[:, channel]
        if place is None:
            return chosen.flatten(1).sum(1) if chosen.ndim > 1 else chosen
        row, column = place
        height, width = chosen.shape[1:] if chosen.ndim == 3 else (0, 0)
        if not (0 <= row < height and 0 <= column < width):
            raise RequestError(
                f"layer {layer!r} has no place {row},{column}; it has {height}×{width} places"
            )
        return chosen[:, row, column]

    return target


def _of_class(values: Tensor, index: int) -> Tensor:
    if not 0 <= index < values.shape[1]:
        raise RequestError(f"there is no class {index}; they are 0 to {values.shape[1] - 1}")
    return values[:, index]
