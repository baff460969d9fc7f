"""What a saliency map explains: a class, or a neuron or channel of an inner layer.

A target takes a model and images N×C×H×W in 0..1, and gives a number for each image that can be
differentiated. One target serves all the images of a call.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from interp.network.classifier import as_classifier, chances
from interp.network.photographs import ClassNames
from interp.network.taps import activations
from styletransfer.errors import RequestError

Target = Callable[[nn.Module, Tensor], Tensor]
Place = tuple[int, int] | Literal["max"]
Classes = int | Sequence[int] | Tensor


class _ClassTarget:
    """The score or the probability of a class, the same for all images or one for each."""

    def __init__(self, classes: Classes, probability: bool) -> None:
        self.classes = classes
        self.probability = probability

    def __call__(self, model: nn.Module, images: Tensor) -> Tensor:
        scores = as_classifier(model)(images)
        count = scores.shape[1]
        classes = torch.as_tensor(self.classes, device=scores.device)
        if not ((classes >= 0) & (classes < count)).all():
            wrong = next(k for k in classes.reshape(-1).tolist() if not 0 <= k < count)
            raise RequestError(f"there is no class {wrong}; they are 0 to {count - 1}")
        if classes.ndim and classes.shape != (len(images),):
            raise RequestError(f"{len(images)} images need as many classes, not {len(classes)}")
        values = chances(scores) if self.probability else scores
        chosen: Tensor = values.gather(1, classes.expand(len(images))[:, None].long())[:, 0]
        return chosen


def class_score(classes: Classes) -> Target:
    """The unnormalized score of a class.

    Args:
        classes: Index of the class, or N indices, one for each image.

    Returns:
        A target, which raises a RequestError for a class that the model does not have.
    """
    return _ClassTarget(classes, probability=False)


def class_probability(classes: Classes) -> Target:
    """The probability of a class, by softmax or a sigmoid; see `class_score`."""
    return _ClassTarget(classes, probability=True)


def layer_value(layer: str, channel: int, place: Place | None = None) -> Target:
    """The value of a neuron: `channel` of `layer` at `place`.

    Args:
        layer: Name of a layer with channels: N×K, or N×K×H×W.
        channel: Index of the channel.
        place: Row and column, or "max" for the place where the channel is greatest in each image.
            None is the sum over all places; a layer without places takes no other.

    Returns:
        A target, which raises a RequestError for a layer, channel or place that the model does not
        have.
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
        chosen = values[:, channel].float()
        if place is None:
            return chosen.flatten(1).sum(1) if chosen.ndim > 1 else chosen
        if place == "max":
            return chosen.flatten(1).amax(1) if chosen.ndim > 1 else chosen
        row, column = place
        height, width = chosen.shape[1:] if chosen.ndim == 3 else (0, 0)
        if not (0 <= row < height and 0 <= column < width):
            raise RequestError(
                f"layer {layer!r} has no place {row},{column}; it has {height}×{width} places"
            )
        return chosen[:, row, column]

    return target


def strongest_place(
    model: nn.Module, image: Tensor, layer: str, channel: int
) -> tuple[tuple[int, int], float]:
    """The place (row, column) of one image where a channel of a layer is greatest, and its value.

    A layer without places has the one place 0, 0.
    """
    values = activations(model, image, [layer])[layer][0, channel].float()
    flat = values.reshape(1, -1) if values.ndim < 2 else values
    row, column = divmod(int(flat.argmax()), flat.shape[1])
    return (row, column), float(flat[row, column])


def as_target(model: nn.Module, target: "Target | ClassNames") -> Target:
    """A target itself, or the score of a class by its index or name, one or one for each image."""
    if callable(target) and not isinstance(target, Tensor):
        return target
    classifier = as_classifier(model)
    if isinstance(target, int | str):
        return class_score(classifier.find_class(target))
    return class_score([classifier.find_class(each) for each in list(target)])


def target_of(target: Target, number: int) -> Target:
    """The target of the image with this number alone, where each image has a class of its own."""
    if isinstance(target, _ClassTarget):
        classes = torch.as_tensor(target.classes)
        if classes.ndim:
            return _ClassTarget(int(classes[number]), target.probability)
    return target
