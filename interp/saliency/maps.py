"""Saliency maps of any images: files, pictures, arrays or tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from torch import Tensor, nn

from interp.network.classifier import Classifier, as_classifier
from interp.network.photographs import (
    ClassNames,
    Images,
    Report,
    class_of_each,
    each_image,
    shown,
)
from interp.saliency import Method
from interp.saliency.drawing import draw_saliency
from interp.saliency.methods import Settings, as_map, attribution
from interp.saliency.targets import (
    Place,
    class_probability,
    class_score,
    layer_value,
    strongest_place,
)
from styletransfer.errors import WorkError
from styletransfer.images import Pixels


@dataclass(frozen=True)
class SaliencyMaps:
    """What matters in N images.

    Attributes:
        method: How the maps were found.
        photographs: N images, uint8 H×W×3.
        maps: float32 H×W for each image.
        gradients: float32 C×H×W with its signs for each, for guided backprop and Guided Grad-CAM;
            otherwise None.
        classes: N class indices; -1 where a neuron was explained.
        captions: What was explained in each image.
        names: Names of the images.
        model: Name of the network.
    """

    method: Method
    photographs: list[Pixels]
    maps: list[npt.NDArray[np.float32]]
    gradients: list[npt.NDArray[np.float32]] | None
    classes: npt.NDArray[np.int64]
    captions: list[str]
    names: list[str]
    model: str = ""

    def figure(self) -> Figure:
        """A row for each image: the image, its map with a color bar, and the map over the image."""
        return draw_saliency(
            self.method,
            self.photographs,
            self.captions,
            self.maps,
            self.gradients,
            f"Saliency, {self.method}: {self.model}",
        )


class Neuron(NamedTuple):
    """What is explained instead of a class: a channel of a layer, at a place or at all places."""

    layer: str
    channel: int
    place: Place | None = None

    @property
    def caption(self) -> str:
        """Layer, channel and place in words."""
        words = f"{self.layer}, channel {self.channel}"
        if self.place is None:
            return words
        where = "its greatest" if self.place == "max" else ",".join(map(str, self.place))
        return f"{words} at {where}"


def saliency_map(
    model: nn.Module,
    images: Images,
    method: Method = "gradient",
    *,
    classes: ClassNames | None = None,
    neuron: Neuron | None = None,
    probability: bool = False,
    settings: Settings | None = None,
    report: Report | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> SaliencyMaps:
    """Map what in each image matters to a class, or to a neuron.

    Args:
        model: A `Classifier`, or any module that takes images in 0..1.
        images: Files, PIL images, arrays uint8 H×W×3 or tensors C×H×W in 0..1, one or several.
        method: One of `interp.saliency.METHODS`.
        classes: The class, as an index or a name, or one for each image; by default the class
            that is seen in each image.
        neuron: What is explained instead of a class.
        probability: Explain the probability of the class instead of its score.
        settings: What single methods take.
        report: Called with a line for each image that has no map, which is left out: a file that
            cannot be read, or a map that is zero everywhere. Without it they raise.
        done: Called with 1 after each image, or with the number of windows of occlusion.

    Raises:
        RequestError: A class, layer, channel or place that the model does not have.
        WorkError: A map that is zero everywhere, or no image that has a map.
    """
    classifier = as_classifier(model)
    wanted = class_of_each(classifier, classes)
    photographs: list[Pixels] = []
    names, captions, indices, maps, gradients = [], [], [], [], []
    for number, (name, pixels) in each_image(classifier, images, report):
        if neuron is None:
            index, caption = classifier.seen(pixels, wanted(number))
            target = (class_probability if probability else class_score)(index)
        else:
            index, caption, target = -1, neuron.caption, layer_value(*neuron)
        values = attribution(method, classifier, pixels, target, settings, done).detach()
        if method != "occlusion":
            done(1)
        if not values.any():
            fault = _zero(classifier, pixels, name, caption, neuron)
            if report is None:
                raise fault
            report(f"Error: {fault}")
            continue
        if method.startswith("guided"):
            gradients.append(values[0].float().cpu().numpy())
        names.append(name)
        photographs.append(shown(pixels))
        captions.append(caption)
        indices.append(index)
        maps.append(as_map(method, values)[0].float().cpu().numpy())
    if not maps:
        raise WorkError("no image has a map; explain another class, neuron or layer")
    return SaliencyMaps(
        method,
        photographs,
        maps,
        gradients or None,
        np.array(indices),
        captions,
        names,
        classifier.name,
    )


def _zero(
    classifier: Classifier, image: Tensor, name: str, caption: str, neuron: Neuron | None
) -> WorkError:
    """The error for a map that is zero everywhere, with the reason as far as it is known."""
    why = f"no pixel changes {caption}; take another class or method"
    if neuron is not None:
        (row, column), value = strongest_place(classifier, image, neuron.layer, neuron.channel)
        why = f"no pixel changes {caption}"
        if neuron.place != "max" and value:
            why += (
                f"; the channel is greatest at {row},{column}, with {value:.3g}: --place max "
                "explains that"
            )
        else:
            why += "; the channel is silent on this image, take another one"
    return WorkError(f"{name}: the map is zero everywhere: {why}")
