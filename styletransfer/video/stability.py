"""Stabilize the paintings of a film, so that strokes move with the objects.

One painting, the anchor, is moved with the motion of the photographs, which is the sum of the
motions from frame to frame. It is always sampled from the original anchor, because repeated
sampling would blur it. Areas that the anchor does not show come from the painting of the frame.
When too much of the anchor is lost, a new one is set. Strokes are never averaged; only the tone of
large areas is.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.images import Pixels
from styletransfer.video.motion import Motion, Movable, Plane, chained, enlarged, no_motion

Float = NDArray[np.float32]

_SPAN = 30  # greatest number of frames for an anchor
_LOST = 0.08  # fraction of the frame that may be lost before a new anchor is set
_CUT = 0.3  # if a smaller fraction can be moved, this is a cut in the film
_TONE_RATE = 0.1  # fraction of the difference in tone that one frame corrects
_TONE_SIZE = 16  # short side in pixels of the small frames in which tone is compared
_FADE = 2  # width of the fade at the border of the anchor, in widths of what is beyond it
_WIDEST_FADE = 0.1  # greatest width of it, in short sides
_MOST_SHARPENING = 0.5
_STEEPNESS = 2.5  # of the borders of what is moved: two paintings must not mix over wide areas


class Stabilizer:
    """Make each painting of a film consistent with those before it.

    Args:
        stability: From 0 (each frame by itself) to 1.

    Attributes:
        photograph: The last frame of the film, reduced and in gray; None before the first.
    """

    def __init__(self, stability: float = 1.0) -> None:
        self.stability = stability
        self.photograph: Plane | None = None
        self._anchor: Pixels | None = None
        self._movable: Movable | None = None
        self._way: Motion | None = None
        self._tone: Float | None = None
        self._age, self._first = 0, 1.0

    def __call__(self, photograph: Plane, painting: Pixels, motion: Motion | None) -> Pixels:
        """Return the next stabilized painting, uint8 H×W×3.

        Args:
            photograph: The frame of the film, reduced and in gray.
            painting: The painting of this frame, uint8 H×W×3.
            motion: Motion from this frame to the one before; None if there is none.
        """
        self.photograph = photograph
        if self._movable is None or self._way is None or motion is None or motion.share < _CUT:
            return self._start(painting)
        self._way = chained(motion, self._way)
        share = self._way.share
        self._age += 1
        self._first = share if self._age == 1 else self._first
        last = self._age >= _SPAN or self._first - share > _LOST
        carried = self._movable.moved(self._way.flow, again=last)
        apart: Float = cv2.subtract(carried, painting, dtype=cv2.CV_32F)
        height, width = painting.shape[:2]
        trust = np.clip((self._way.trust - 0.5) * _STEEPNESS + 0.5, 0, 1)
        trust *= _faded(self._way.flow)
        weight = np.float32(self.stability) * enlarged(trust, height, width)
        self._tone = _tone(self._tone, apart, weight)
        result = _blend(apart, self._tone, painting, weight)
        if last:
            self._start(result)
        return result

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything on which the next frame depends, as arrays."""
        if self._anchor is None or self.photograph is None or self._way is None:
            return {}
        state = {
            "anchor": self._anchor,
            "photograph": self.photograph,
            "flow": self._way.flow,
            "trust": self._way.trust,
            "age": np.array(self._age),
            "first": np.array(self._first),
        }
        return state if self._tone is None else state | {"tone": self._tone}

    @state.setter
    def state(self, state: Mapping[str, NDArray[Any]]) -> None:
        if not state:
            return
        self.photograph = state["photograph"]
        self._start(state["anchor"])
        self._way = Motion(state["flow"], state["trust"])
        self._age, self._first = int(state["age"]), float(state["first"])
        self._tone = state.get("tone")

    def _start(self, painting: Pixels) -> Pixels:
        assert self.photograph is not None
        self._anchor, self._movable = painting, Movable(painting)
        self._way, self._tone = no_motion(*self.photograph.shape), None
        self._age, self._first = 0, 1.0
        return painting


def _faded(flow: Float) -> Float:
    """Return weights, H×W in 0..1, that fall to 0 at the border of the anchor.

    Beyond its border, strokes are new. Without a wide fade the border would show, and stay where it
    was when the next anchor was set. A border that is still that of the frame does not fade.

    Args:
        flow: Motion from the frame to the anchor, H×W×2.
    """
    weight: Float = np.ones(flow.shape[:2], np.float32)
    widest = _WIDEST_FADE * min(weight.shape)
    for axis, size in enumerate(weight.shape[::-1]):
        places = np.arange(size, dtype=np.float32)
        shift = flow[..., axis]
        there = shift + (places if axis == 0 else places[:, np.newaxis])
        for inside, beyond in ((there, -shift), (size - 1 - there, shift)):
            weight *= np.clip((inside + 0.5) / np.clip(_FADE * beyond, 0.5, widest), 0, 1)
    return weight


def _blend(apart: Float, tone: Float, painting: Pixels, weight: Float) -> Pixels:
    """Blend the moved anchor with a painting, correct its tone, and make it equally sharp.

    Args:
        apart: The moved anchor minus the painting, float32 H×W×3. It is overwritten.
        tone: The correction of its tone, as a small picture.
        painting: The painting, uint8 H×W×3.
        weight: The weight of the anchor, float32 H×W in 0..1.
    """
    height, width = weight.shape
    fresh = painting.astype(np.float32)
    weights = cv2.merge([weight] * 3)
    apart += cv2.resize(tone, (width, height), interpolation=cv2.INTER_LINEAR)
    apart *= weights
    mixed = np.add(apart, fresh, out=apart)
    edges = _edges(mixed)
    lack = _energy(_edges(fresh)) - _energy(edges)
    if lack > 0:
        detail = cv2.subtract(mixed, cv2.blur(mixed, (3, 3)))
        detail *= weights
        mixed = cv2.scaleAdd(detail, _sharpening(edges, _edges(detail), lack), mixed)
    result: Pixels = cv2.convertScaleAbs(np.maximum(mixed, 0, out=mixed))
    return result


def _tone(before: Float | None, apart: Float, weight: Float) -> Float:
    """Return the correction of the tone of large areas, smoothed over time, as a small picture.

    It follows changes of the light in the film.
    """
    height, width = weight.shape
    scale = min(1.0, _TONE_SIZE / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    lack = -cv2.resize(apart, size, interpolation=cv2.INTER_AREA)
    lack *= cv2.resize(weight, size, interpolation=cv2.INTER_AREA)[..., np.newaxis]
    lack = cv2.GaussianBlur(lack, (0, 0), 1.4)
    before = np.zeros_like(lack) if before is None else before
    tone: Float = before + np.float32(_TONE_RATE) * (lack - before)
    return tone


def _edges(picture: Float) -> Float:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    result: Float = cv2.Laplacian(gray, cv2.CV_32F)
    return result


def _energy(edges: Float) -> float:
    return float(np.vdot(edges, edges))


def _sharpening(edges: Float, detail: Float, lack: float) -> float:
    """Return g so that `edges + g·detail` has the energy of `edges` and the lack of it."""
    square, product = _energy(detail), float(np.vdot(edges, detail))
    if square == 0:
        return 0.0
    gain = (-product + (product * product + square * lack) ** 0.5) / square
    return float(min(gain, _MOST_SHARPENING))
