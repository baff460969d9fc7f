"""The object of a class without a mask ever seen: saliency gives seeds, GrabCut the rest."""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from interp.errors import RequestError
from styletransfer.images import Pixels

Mask = npt.NDArray[np.bool_]

FOREGROUND = 95.0
BACKGROUND = 30.0
_ROUNDS = 5
_SMOOTHING = 1 / 56  # of the short side


def seeds(saliency: npt.NDArray[np.floating]) -> tuple[Mask, Mask]:
    """The pixels of an H×W map that are surely object, and those that are surely not.

    They are those above its 95th percentile and those below its 30th, after a blur, because the
    gradient of single pixels is noise.
    """
    smooth = gaussian_filter(saliency.astype(np.float64), _SMOOTHING * min(saliency.shape))
    low, high = np.percentile(smooth, [BACKGROUND, FOREGROUND])
    return smooth > high, smooth < low


def segment(photograph: Pixels, saliency: npt.NDArray[np.floating]) -> Mask:
    """The mask H×W of the object in `photograph`, uint8 H×W×3, found from its saliency H×W.

    The `seeds` begin two mixtures of Gaussians over the colours, and graph cuts assign the pixels
    between them. Simonyan et al. 2014, "Deep Inside Convolutional Networks", section 3.2; Rother
    et al. 2004, "GrabCut". Raises RequestError for a map that is the same everywhere.
    """
    foreground, background = seeds(saliency)
    if not foreground.any() or not background.any():
        raise RequestError("the saliency map is flat, so it tells no object; take another method")
    labels = np.full(saliency.shape, cv2.GC_PR_BGD, np.uint8)
    labels[foreground] = cv2.GC_FGD
    labels[background] = cv2.GC_BGD
    # GrabCut starts its mixtures by a k-means with OpenCV's global generator.
    cv2.setRNGSeed(0)
    models = np.zeros((2, 1, 65))
    cv2.grabCut(
        np.ascontiguousarray(photograph[..., ::-1]),
        labels,
        (0, 0, 1, 1),  # ignored, since the mask says it
        models[0],
        models[1],
        _ROUNDS,
        cv2.GC_INIT_WITH_MASK,
    )
    found: Mask = np.isin(labels, [cv2.GC_FGD, cv2.GC_PR_FGD])
    return found
