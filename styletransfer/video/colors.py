"""Turn the colors of decoded frames into sRGB."""

from typing import Any

import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from styletransfer.images import Pixels
from styletransfer.video.wide import BT2020, WideToRgb, is_wide

_FULL = 2
_MATRICES = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601}


def matrix_of(frame: Any) -> int:
    """Return the YUV matrix of a frame; where it says nothing, the usual one for its height."""
    usual = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    return _MATRICES.get(int(frame.colorspace), usual)


def is_full(frame: Any) -> bool:
    """Tell whether the YUV of a frame has the full range 0..255."""
    return bool(frame.color_range == _FULL or frame.format.name.startswith("yuvj"))


class ToRgb:
    """Convert decoded frames to sRGB of one size.

    HDR is tone-mapped, and the colors of BT.2020 become those of sRGB. Transparent pixels are shown
    over white.

    Args:
        width: Width in pixels.
        height: Height in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._wide: WideToRgb | None = None

    def __call__(self, frame: Any) -> Pixels:
        """Return a frame as uint8 H×W×3."""
        words = self._words(frame)
        if is_wide(frame):
            self._wide = self._wide or WideToRgb(frame, *self._size)
            shown = self._wide(frame, **words)
        elif any(component.is_alpha for component in frame.format.components):
            return _over_white(frame.reformat(*self._size, "rgba", **words).to_ndarray())
        else:
            shown = frame.reformat(*self._size, "rgb24", **words)
        rgb: Pixels = shown.to_ndarray()
        return rgb

    def _words(self, frame: Any) -> dict[str, Any]:
        """Return what `reformat` must know."""
        scaled = (frame.width, frame.height) != self._size
        kind = Interpolation.AREA if scaled else Interpolation.BICUBIC
        wide = is_wide(frame) and int(frame.colorspace) not in _MATRICES
        return {
            "src_colorspace": BT2020 if wide else matrix_of(frame),
            "src_color_range": ColorRange.JPEG if is_full(frame) else ColorRange.MPEG,
            "dst_color_range": ColorRange.JPEG,
            "interpolation": kind | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
        }


def _over_white(rgba: Pixels) -> Pixels:
    alpha = rgba[..., 3:]
    rgb: Pixels = np.ascontiguousarray(rgba[..., :3])
    if alpha.min() == 255:
        return rgb
    opaque = cv2.merge([alpha] * 3).astype(np.float32) / 255
    mixed = 255 + (rgb - np.float32(255)) * opaque
    result: Pixels = np.rint(mixed).astype(np.uint8)
    return result
