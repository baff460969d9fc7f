"""Saliency maps of any images: files, pictures, arrays or tensors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interp.figures import table
from interp.network.classifier import Classifier
from interp.network.photographs import Images, Report, each_image, shown
from interp.saliency import Method
from interp.saliency.drawing import saliency_row
from interp.saliency.methods import Settings, as_map, attribution
from interp.saliency.targets import Target, class_probability, class_score
from styletransfer.images import Pixels


@dataclass(frozen=True)
class SaliencyMaps:
    """What matters in N images.

    Attributes:
        method: How the maps were found.
        photographs: N images, uint8 H×W×3.
        maps: float32 N×H×W.
        gradients: float32 N×3×H×W with its signs, for guided backprop; otherwise None.
        classes: N class indices; -1 where a neuron was explained.
        captions: What was explained in each image.
        names: Names of the images.
    """

    method: Method
    photographs: list[Pixels]
    maps: npt.NDArray[np.float32]
    gradients: npt.NDArray[np.float32] | None
    classes: npt.NDArray[np.int64]
    captions: list[str]
    names: list[str]

    def draw(self) -> Pixels:
        """A row for each image: the image, its map, and the map over it."""
        return table(
            [
                saliency_row(
                    self.method,
                    self.photographs[index],
                    self.captions[index],
                    self.maps[index],
                    None if self.gradients is None else self.gradients[index],
                )
                for index in range(len(self.maps))
            ]
        )


def saliency_map(
    classifier: Classifier,
    images: Images,
    method: Method = "gradient",
    *,
    class_index: int | None = None,
    probability: bool = False,
    neuron: tuple[str, Target] | None = None,
    settings: Settings | None = None,
    report: Report | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> SaliencyMaps:
    """Map what in each image matters to a class, or to a neuron.

    Args:
        classifier: The network.
        images: As `each_image` takes them.
        method: One of `interp.saliency.METHODS`.
        class_index: The class; by default the one that is seen in each image.
        probability: Explain the probability of the class instead of its score.
        neuron: Explain this target instead, which has this caption.
        settings: What single methods take.
        report: Called with a line for each file that cannot be read, which is left out. Without
            it such a file raises its ImageError.
        done: Called with 1 after each image, or with the number of windows of occlusion.

    Raises:
        RequestError: A class, layer, channel or place that the model does not have.
        WorkError: No image can be read.
    """
    names, photographs, captions, classes, maps, gradients = [], [], [], [], [], []
    for name, pixels in each_image(classifier, images, report):
        if neuron is None:
            index, caption = classifier.seen(pixels, class_index)
            target = (class_probability if probability else class_score)(index)
        else:
            index, (caption, target) = -1, neuron
        values = attribution(method, classifier, pixels, target, settings, done)
        if method != "occlusion":
            done(1)
        if method == "guided":
            gradients.append(values.cpu().numpy())
        names.append(name)
        photographs.append(shown(pixels))
        captions.append(caption)
        classes.append(index)
        maps.append(as_map(method, values).cpu().numpy())
    return SaliencyMaps(
        method,
        photographs,
        np.concatenate(maps),
        np.concatenate(gradients) if gradients else None,
        np.array(classes),
        captions,
        names,
    )
