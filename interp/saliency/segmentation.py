"""The object of a class without a mask ever seen: saliency gives seeds, GrabCut the rest."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.ndimage import binary_fill_holes, gaussian_filter, label
from torch import nn

from interp.figures import table
from interp.network.classifier import as_classifier
from interp.network.photographs import ClassNames, Images, Report
from interp.saliency import Method
from interp.saliency.drawing import segmentation_row
from interp.saliency.maps import SaliencyMaps, saliency_map
from interp.saliency.methods import Settings
from styletransfer.errors import RequestError
from styletransfer.images import Pixels

Mask = npt.NDArray[np.bool_]

# Percentiles of the smoothed map: above the first lies the object, below the last the background.
FOREGROUND = 95.0
PROBABLE = 65.0
BACKGROUND = 30.0
# Least saliency of a part, by that of the most salient one; smaller parts are other things.
_PART = 0.25
_ROUNDS = 5
_SMOOTHING = 1 / 19  # of the short side


@dataclass(frozen=True)
class Segmentations:
    """The objects of N images: their `masks`, bool H×W, and the `saliency` that found them."""

    saliency: SaliencyMaps
    masks: list[Mask]

    def figure(self) -> Figure:
        """A row for each image: the image, its seeds, the mask, and the object on white."""
        found = self.saliency
        return table(
            [
                segmentation_row(photograph, caption, *seeds(values), mask)
                for photograph, caption, values, mask in zip(
                    found.photographs, found.captions, found.maps, self.masks, strict=True
                )
            ],
            title=f"Segmentation by {found.method}: {found.model}",
        )


def segment_images(
    model: nn.Module,
    images: Images,
    method: Method = "guided-grad-cam",
    *,
    crop: bool = False,
    classes: ClassNames | None = None,
    settings: Settings | None = None,
    report: Report | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> Segmentations:
    """Cut the object of a class out of each image, by `saliency_map` and `segment`.

    Args:
        model, images, classes, settings, report, done: As in `saliency_map`, and so are the errors.
        method: Method of the saliency map. Guided Grad-CAM has the edges of guided backprop where
            Grad-CAM finds the class.
        crop: Take the square in the middle of a photograph instead of the whole.
    """
    classifier = copy(as_classifier(model))  # shares all but the setting
    classifier.crop = crop
    found = saliency_map(
        classifier,
        images,
        method,
        classes=classes,
        settings=settings,
        report=report,
        done=done,
    )
    masks = [
        segment(photograph, values)
        for photograph, values in zip(found.photographs, found.maps, strict=True)
    ]
    return Segmentations(found, masks)


def seeds(saliency: npt.NDArray[np.floating]) -> tuple[Mask, Mask]:
    """The pixels of an H×W map that are most likely object, and those that are surely not.

    They are those above its 95th percentile and those below its 30th, after a wide blur, because
    a network looks at the edges of an object and not at the plain parts between them. What is low
    but enclosed is not background.
    """
    smooth = _smoothed(saliency)
    low, high = np.percentile(smooth, [BACKGROUND, FOREGROUND])
    # A hole in an object is a part that the network does not look at, not background.
    return smooth > high, ~binary_fill_holes(smooth >= low)


def segment(photograph: Pixels, saliency: npt.NDArray[np.floating]) -> Mask:
    """The mask H×W of the object in `photograph`, uint8 H×W×3, found from its saliency H×W.

    What is above the 65th percentile of the map is probably object, and the rest probably not.
    This begins two mixtures of Gaussians over the colors. Graph cuts assign all pixels but the
    seeds of the background: those of the object reach beyond its rim, so they may be lost. Of the
    parts that are found the salient ones stay, without their holes.

    Raises:
        RequestError: The map is the same everywhere.

    Reference: Simonyan et al. 2014, "Deep Inside Convolutional Networks", section 3.2; Rother et
    al. 2004, "GrabCut".
    """
    foreground, background = seeds(saliency)
    if not foreground.any() or not background.any():
        raise RequestError("the saliency map is flat, so it tells no object; take another method")
    smooth = _smoothed(saliency)
    probably = smooth > np.percentile(smooth, PROBABLE)
    labels = np.where(probably, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[background] = cv2.GC_BGD
    found = _grabbed(photograph, labels)
    if not found.any():  # nothing looks like the seeds: let them stay
        labels[foreground] = cv2.GC_FGD
        found = _grabbed(photograph, labels)
    return _salient_parts(found, smooth)


def _grabbed(photograph: Pixels, labels: npt.NDArray[np.uint8]) -> Mask:
    """What GrabCut holds for object, from its labels H×W."""
    # GrabCut starts its mixtures by a k-means with OpenCV's global generator.
    cv2.setRNGSeed(0)
    models = np.zeros((2, 1, 65))
    assigned = labels.copy()
    cv2.grabCut(
        np.ascontiguousarray(photograph[..., ::-1]),
        assigned,
        (0, 0, 1, 1),  # ignored, since the mask says it
        models[0],
        models[1],
        _ROUNDS,
        cv2.GC_INIT_WITH_MASK,
    )
    found: Mask = np.isin(assigned, [cv2.GC_FGD, cv2.GC_PR_FGD])
    return found


def _salient_parts(mask: Mask, saliency: npt.NDArray[np.float64]) -> Mask:
    """The connected parts of a mask with the most saliency, without their holes."""
    numbers, count = label(mask)
    sums = np.bincount(numbers.ravel(), saliency.ravel(), count + 1)
    sums[0] = 0
    kept: Mask = binary_fill_holes((sums >= _PART * sums.max())[numbers] & mask)
    return kept


def _smoothed(saliency: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    smooth: npt.NDArray[np.float64] = gaussian_filter(
        saliency.astype(np.float64), _SMOOTHING * min(saliency.shape)
    )
    return smooth
