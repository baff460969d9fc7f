"""Measure the motion between frames, and where it can be trusted."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.images import Pixels

Plane = NDArray[Any]
Float = NDArray[np.float32]
Flow = Float  # h×w×2: motion to the right and down, in pixels of the reduced frame

_SQUARE, _LEAST = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)
LEAST_SIDE = 12  # pixels; in smaller frames OpenCV measures no motion
# Motion is measured in frames reduced to this share, but with at least this short side.
_SHARE, _SHORT_SIDE = 0.4, 144
# Forward and backward motion may differ by this many squared pixels, and by this fraction of the
# squared motion besides.
_APART, _APART_SHARE = 0.9, 0.01
# Gray levels by which a pixel may change while it moves; at edges, where a small error of the
# motion changes much, this fraction of the contrast besides, up to a bound.
_DIFFERENT, _DIFFERENT_SHARE, _MOST_DIFFERENT = 10, 0.35, 35
_FINE_PIXELS = 2_100_000  # larger pictures are not doubled in size for finer sampling


@dataclass(frozen=True)
class Motion:
    """Motion from one reduced frame to another.

    Attributes:
        flow: Where each pixel goes, float32 h×w×2: to the right and down, in pixels.
        trust: Where that is known, float32 h×w: from 0 (hidden or changed) to 1.
    """

    flow: Flow
    trust: Float

    @property
    def share(self) -> float:
        """Share of the frame that the other one shows, in 0..1."""
        return float(self.trust.mean())


class MotionFinder:
    """Measure motion by dense inverse search. Each thread needs its own finder.

    Reference:
        Kroeger et al. 2016, Fast Optical Flow Using Dense Inverse Search.
    """

    def __init__(self) -> None:
        self._search: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._search.setFinestScale(0)
        self._search.setPatchStride(5)
        self._search.setGradientDescentIterations(3)
        self._search.setVariationalRefinementIterations(3)

    def __call__(self, frame: Plane, other: Plane) -> tuple[Motion, Motion]:
        """Return the motion from `frame` to `other`, and that from `other` to `frame`.

        Args:
            frame: A reduced frame in gray.
            other: The other one, of the same size.
        """
        there: Flow = self._search.calc(frame, other, None)
        back: Flow = self._search.calc(other, frame, None)
        trust = _trust(frame, other, there, back)
        trust_back = _trust(other, frame, back, there)
        return Motion(_regular(there, trust), trust), Motion(_regular(back, trust_back), trust_back)


def no_motion(height: int, width: int) -> Motion:
    """Return the motion from a reduced frame to itself."""
    return Motion(np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32))


def chained(first: Motion, second: Motion) -> Motion:
    """Return the motion from A to C, given that from A to B and that from B to C.

    It is more precise than a measured one: steps are small, and what moves past is seen moving.
    """
    places = first.flow + _grid(*first.trust.shape)
    return Motion(
        first.flow + _at(second.flow, places),
        np.minimum(first.trust, _at(second.trust, places)),
    )


def reduced(photograph: Pixels) -> Pixels:
    """Return a photograph, uint8 H×W×3, reduced to the size in which motion is measured."""
    height, width = photograph.shape[:2]
    scale = max(_SHARE, _SHORT_SIDE / min(height, width))
    if scale >= 1:
        return photograph
    size = max(1, round(width * scale)), max(1, round(height * scale))
    result: Pixels = cv2.resize(photograph, size, interpolation=cv2.INTER_AREA)
    return result


def gray(reduced: Pixels) -> Plane:
    """Return a reduced photograph in gray, uint8, for `MotionFinder`."""
    result: Plane = cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY)
    return result


def _trust(frame: Plane, other: Plane, there: Flow, back: Flow) -> Float:
    """Return where the motion from `frame` to `other` can be trusted, with soft borders.

    A pixel can be trusted if the motion to `other` and back ends where it began, if its color is
    similar in both frames, and if it is inside `other`.

    Reference:
        Sundaram, Brox and Keutzer 2010, Dense Point Trajectories by GPU-Accelerated Large
        Displacement Optical Flow.
    """
    height, width = frame.shape
    places = there + _grid(height, width)
    x, y = places[..., 0], places[..., 1]
    returned = _at(back, places)
    apart = _squared(there + returned)
    allowed = _APART_SHARE * (_squared(there) + _squared(returned)) + _APART
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    contrast = cv2.morphologyEx(frame, cv2.MORPH_GRADIENT, _SQUARE)
    change = cv2.blur(cv2.absdiff(_at(other, places), frame), (3, 3))
    alike = change < np.minimum(_DIFFERENT + _DIFFERENT_SHARE * contrast, _MOST_DIFFERENT)
    good = ((apart < allowed) & inside & alike).astype(np.float32)
    good = cv2.morphologyEx(good, cv2.MORPH_OPEN, _LEAST)  # what is thin is there by chance
    result: Float = cv2.blur(cv2.erode(good, _LEAST), (3, 3))
    return result


def _regular(flow: Flow, trust: Float) -> Flow:
    """Replace motion that cannot be trusted by that around it, and smooth what is nearly equal.

    Rough motion would distort the strokes. Where the motion changes by more than a pixel, as at
    the border of an object, it is left.
    """
    trusted = trust[..., np.newaxis]
    around = _mean(flow, trusted, 31)
    flow = around + trusted * (flow - around)
    near = _mean(flow, trusted, 7)
    smooth = np.clip(2 - _squared(near - flow), 0, 1) * (trust > 0)
    result: Flow = flow + smooth[..., np.newaxis] * (near - flow)
    return result


def _mean(flow: Flow, trusted: Float, size: int) -> Flow:
    weights = cv2.blur(trusted, (size, size))[..., np.newaxis] + np.float32(1e-3)
    result: Flow = cv2.blur(flow * trusted, (size, size)) / weights
    return result


def enlarged(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Scale a plane of a reduced frame to the size of the film."""
    result: Float = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
    return result


class Movable:
    """A painting that can be moved without getting blurred.

    It is doubled in size, unless it is large. Then cubic interpolation is nearly ideal. Without
    doubling, it would lose a third of the finest detail. It makes the detail slightly stronger,
    though: after 20 times the energy of the edges is 1.8 times as large. So a painting that is to
    be moved again is sampled by Lanczos' kernel, which takes four times as long.

    Args:
        painting: The painting, uint8 H×W×3.
        fine: Whether to double it.
    """

    def __init__(self, painting: Pixels, *, fine: bool = True) -> None:
        self.height, self.width = painting.shape[:2]
        self._times = 2 if fine and self.height * self.width <= _FINE_PIXELS else 1
        self._source: Pixels = painting
        if self._times == 2:
            size = (2 * self.width, 2 * self.height)
            self._source = cv2.resize(painting, size, interpolation=cv2.INTER_LANCZOS4)
        # Centers of pixels stay centers in the doubled painting.
        self._places = _grid(self.height, self.width) * self._times + (self._times - 1) / 2

    def moved(self, motion: Flow, *, again: bool = False) -> Pixels:
        """Return the painting sampled at the position of each pixel plus `motion`.

        Args:
            motion: In pixels of its own size.
            again: Whether the result will be moved again.
        """
        height, width = motion.shape[:2]
        scale = self._times * np.array([self.width / width, self.height / height])
        places = enlarged(motion * scale.astype(np.float32), self.height, self.width)
        places += self._places
        kernel = cv2.INTER_LANCZOS4 if again else cv2.INTER_CUBIC
        border = cv2.BORDER_REPLICATE
        result: Pixels = cv2.remap(self._source, places, None, kernel, borderMode=border)
        return result


def sampled(plane: Plane, flow: Flow) -> Plane:
    """Return a plane at the position of each pixel plus `flow`."""
    return _at(plane, flow + _grid(*plane.shape[:2]))


def _at(plane: Plane, places: Flow) -> Plane:
    border = cv2.BORDER_REPLICATE
    result: Plane = cv2.remap(plane, places, None, cv2.INTER_LINEAR, borderMode=border)
    return result


def _grid(height: int, width: int) -> Flow:
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.stack(np.meshgrid(x, y), axis=-1)


def _squared(flow: Flow) -> NDArray[np.float32]:
    return flow[..., 0] ** 2 + flow[..., 1] ** 2
