"""Measure the motion between frames, and where it can be trusted."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.images import Pixels

Plane = NDArray[Any]
Float = NDArray[np.float32]
Flow = Float  # h×w×2: motion to the right and down, in pixels of the reduced frame

_SHORT_SIDE = 180  # short side of the reduced frames, in which motion is measured
# Forward and backward motion may differ by this many squared pixels, and by this fraction of the
# squared motion besides.
_APART, _APART_SHARE = 0.9, 0.01
_DIFFERENT = 20  # gray levels by which a pixel may change while it moves
_FINE_PIXELS = 2_100_000  # larger pictures are not doubled in size for finer sampling


class MotionFinder:
    """Measure motion by dense inverse search. Each thread needs its own finder.

    Reference:
        Kroeger et al. 2016, Fast Optical Flow Using Dense Inverse Search.
    """

    def __init__(self) -> None:
        self._search: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._search.setFinestScale(1)
        self._search.setGradientDescentIterations(12)
        self._search.setVariationalRefinementIterations(3)

    def __call__(self, frame: Plane, other: Plane, guess: Flow | None = None) -> Flow:
        """Return the motion of each pixel from `frame` to `other`.

        Args:
            frame: A frame from `reduced`.
            other: The other frame from `reduced`.
            guess: Motion to start from.
        """
        flow: Flow = self._search.calc(frame, other, None if guess is None else guess.copy())
        return flow


def reduced(photograph: Pixels) -> Plane:
    """Return a photograph in gray, uint8, with a short side of at most 180 pixels."""
    gray: Plane = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    scale = _SHORT_SIDE / min(gray.shape)
    if scale >= 1:
        return gray
    height, width = (max(1, round(side * scale)) for side in gray.shape)
    result: Plane = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
    return result


def trusted(frame: Plane, other: Plane, back: Flow, ahead: Flow) -> Flow:
    """Return where the motion from `frame` to `other` can be trusted.

    A pixel can be trusted if the motion to `other` and back ends where it began, if its color is
    similar in both frames, and if it is inside `other`.

    Args:
        frame: A reduced frame.
        other: The other reduced frame.
        back: Motion from `frame` to `other`.
        ahead: Motion from `other` to `frame`.

    Returns:
        float32 h×w, from 0 (hidden or changed) to 1, with soft borders.

    Reference:
        Sundaram, Brox and Keutzer 2010, Dense Point Trajectories by GPU-Accelerated Large
        Displacement Optical Flow.
    """
    height, width = frame.shape
    places = back + _grid(height, width)
    x, y = places[..., 0], places[..., 1]
    returned = cv2.remap(ahead, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    apart = _squared(back + returned)
    allowed = _APART_SHARE * (_squared(back) + _squared(returned)) + _APART
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    before = cv2.remap(other, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alike = cv2.blur(cv2.absdiff(before, frame), (3, 3)) < _DIFFERENT
    good = ((apart < allowed) & inside & alike).astype(np.float32)
    result: Float = cv2.blur(cv2.erode(good, np.ones((3, 3))), (3, 3))
    return result


def enlarged(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Scale a plane of a reduced frame to the size of the film."""
    result: Float = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
    return result


class Movable:
    """A painting that can be moved without getting blurred.

    It is doubled in size, unless it is large. Then cubic interpolation is nearly ideal. Without
    doubling, it would lose a third of the finest detail.
    """

    def __init__(self, painting: Pixels) -> None:
        self.height, self.width = painting.shape[:2]
        self._times = 2 if self.height * self.width <= _FINE_PIXELS else 1
        self._fine = painting.astype(np.float32)
        if self._times == 2:
            size = (2 * self.width, 2 * self.height)
            self._fine = cv2.resize(self._fine, size, interpolation=cv2.INTER_LANCZOS4)

    def moved(self, motion: Flow) -> NDArray[np.float32]:
        """Return the painting sampled at the position of each pixel plus `motion`."""
        flow = enlarged(motion, self.height, self.width)
        flow *= np.array([self.width, self.height], np.float32) / motion.shape[1::-1]
        flow += _grid(self.height, self.width)
        if self._times == 2:
            flow *= 2
            flow += 0.5
        border = cv2.BORDER_REPLICATE
        result: Flow = cv2.remap(self._fine, flow, None, cv2.INTER_CUBIC, borderMode=border)
        return result


def _grid(height: int, width: int) -> Flow:
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.stack(np.meshgrid(x, y), axis=-1)


def _squared(flow: Flow) -> NDArray[np.float32]:
    return flow[..., 0] ** 2 + flow[..., 1] ** 2
