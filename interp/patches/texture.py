"""What the techniques here take and give: a sample, and the texture that was made of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from styletransfer.errors import RequestError
from styletransfer.images import Pixels

UNKNOWN = 128  # the gray of pixels that are still to be made


@dataclass(frozen=True)
class Texture:
    """A texture of H×W pixels.

    pixels: uint8 H×W×3; what an interrupt left unknown is gray.
    places: int32 H×W×2, row and column of the pixel of the sample that each pixel is; −1 where it
        is unknown. Whatever else belongs to the sample, such as a map of depth, becomes that of
        the texture by `layer[places[..., 0], places[..., 1]]`.
    interrupted: whether Ctrl-C ended the work.
    """

    pixels: Pixels
    places: npt.NDArray[np.int32]
    interrupted: bool = False


def blank(height: int, width: int) -> tuple[Pixels, npt.NDArray[np.int32]]:
    """Pixels and places of a texture of which nothing is known yet."""
    pixels = np.full((height, width, 3), UNKNOWN, np.uint8)
    return pixels, np.full((height, width, 2), -1, np.int32)


def check_sample(sample: Pixels, side: int, what: str) -> None:
    """RequestError for a sample that is smaller than `what`, a square of `side` pixels."""
    if sample.dtype != np.uint8 or sample.ndim != 3 or sample.shape[2] != 3:
        raise ValueError(f"expected uint8 H×W×3, got {sample.dtype} {sample.shape}")
    height, width = sample.shape[:2]
    if min(height, width) < side:
        raise RequestError(
            f"the sample of {width}×{height} pixels is smaller than {what} of {side}×{side}; "
            f"give a larger sample, or a smaller {what.split()[-1]}"
        )
