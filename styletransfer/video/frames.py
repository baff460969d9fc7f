"""Stylize frames: every fourth one is painted, and those between are moved copies."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import TypeVar

import cv2
import numpy as np

from styletransfer.errors import StyleError
from styletransfer.images import Pixels, to_pixels, to_tensor
from styletransfer.inference import Stylizer
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.color import preserve_colors as with_colors_of
from styletransfer.video.ahead import ahead, at_once
from styletransfer.video.motion import (
    LEAST_SIDE,
    Motion,
    MotionFinder,
    Movable,
    Plane,
    chained,
    gray,
    no_motion,
    reduced,
    sampled,
)
from styletransfer.video.stability import Stabilizer

Info = TypeVar("Info")  # what a painter needs to know about a frame

_SMALL_PIXELS = 2_100_000  # larger frames are painted one at a time, for they take much memory
_EVERY = 4  # frames from one painted frame to the next
_SIMILAR = 0.7  # least share of a frame that the next painted one shows, so that it is not painted
_OBJECT = (9, 9)  # pixels of the reduced frame
_HIDDEN = 0.92  # share of such a part that must be new, so that the frame is painted
_AROUND = (25, 25)  # pixels around it
_UNLIKE = 8  # mean levels by which they must change besides, more than the noise of a camera


@dataclass(frozen=True)
class _Planned:
    """A frame and how it gets its painting.

    Attributes:
        photograph: The frame, uint8 H×W×3.
        info: What the painter needs to know about it.
        colors: The frame, reduced.
        small: The frame, reduced and in gray.
        to_last: Motion to the frame before; None if there is none of this size, or it is tiny.
        from_last: Motion from the frame before.
        to_painted: Motion to the next painted frame, which is moved; None to paint the frame.
    """

    photograph: Pixels
    info: object
    colors: Pixels
    small: Plane
    to_last: Motion | None = None
    from_last: Motion | None = None
    to_painted: Motion | None = None


def stylize_frames(
    frames: Iterable[Pixels],
    style: str,
    *,
    stylizer: Stylizer | None = None,
    strength: float = 1.0,
    stability: float = 1.0,
    preserve_colors: bool = False,
) -> Iterator[Pixels]:
    """Stylize the frames of a film. The use of memory does not depend on their number.

    Args:
        frames: uint8 H×W×3 in sRGB, all of one size. A thread reads a few of them in advance.
        style: A style, or a blend such as `the_scream:0.6,udnie:0.4`.
        stylizer: The model; None for the gallery.
        strength: Strength of the style, from 0 (the photographs) to 1.
        stability: Stability of the strokes, from 0 (each frame by itself) to 1.
        preserve_colors: Whether to keep the colors of the frames.

    Yields:
        The painted frames, uint8 H×W×3, in the same order.

    Raises:
        StyleError: The style, strength or stability cannot be used.
        WorkError: ONNX Runtime fails.
    """
    model = stylizer or Stylizer()
    weights = parse_blend(style, model.styles, strength)[np.newaxis]
    stabilizer = Stabilizer(checked_stability(stability))

    def paint(photograph: Pixels, _info: object) -> Pixels:
        return to_pixels(model.stylize_tensor(to_tensor(photograph), weights))

    pairs = ((frame, None) for frame in frames)
    for photograph, painted, _ in paint_steadily(pairs, paint, stabilizer):
        yield with_colors_of(painted, photograph) if preserve_colors else painted


def frames_at_once(pixels: int, threads: int | None) -> tuple[int, int]:
    """Return how many frames are painted at once, and the number of threads for each.

    Two frames on half of the cores each take less time than one after the other on all of them.

    Args:
        pixels: Number of pixels of a frame.
        threads: Number of all threads; None for one for each core.
    """
    cores = threads or os.cpu_count() or 1
    count = min(cores, 2 if pixels <= _SMALL_PIXELS else 1)
    return count, cores // count


def checked_stability(stability: float) -> float:
    """Return the stability.

    Raises:
        StyleError: It is not in 0..1.
    """
    if not 0 <= stability <= 1:
        raise StyleError(f"stability {stability:g} is not in 0..1")
    return stability


def paint_steadily(
    frames: Iterable[tuple[Pixels, Info]],
    paint: Callable[[Pixels, Info], Pixels],
    stabilizer: Stabilizer,
    count: int = 1,
) -> Iterator[tuple[Pixels, Pixels, Info]]:
    """Paint and stabilize frames. Reading, motion, painting and stabilization run in threads.

    Args:
        frames: Photographs, each with the information for `paint`.
        paint: Paints one photograph.
        stabilizer: Its state changes with each frame.
        count: Number of frames that are painted at once.

    Yields:
        The photograph, the painted frame, and the information.
    """
    if stabilizer.stability == 0:
        pairs = at_once(lambda pair: paint(*pair), ahead(frames), count, count + 1)
        for (photograph, info), painting in ahead(pairs):
            yield photograph, painting, info
        return
    planned = ahead(_plan(_measured(ahead(frames), stabilizer.photograph)))
    for plan, painting in ahead(_painted(planned, paint, count)):
        stable = stabilizer(plan.small, painting, plan.to_last)
        yield plan.photograph, stable, plan.info  # type: ignore[misc]


def _measured(frames: Iterable[tuple[Pixels, Info]], last: Plane | None) -> Iterator[_Planned]:
    """Measure the motion between each frame and the one before."""
    find = MotionFinder()
    for photograph, info in frames:
        colors, to_last, from_last = reduced(photograph), None, None
        small = gray(colors)
        if last is not None and last.shape == small.shape and min(small.shape) >= LEAST_SIDE:
            to_last, from_last = find(small, last)
        yield _Planned(photograph, info, colors, small, to_last, from_last)
        last = small


def _plan(frames: Iterable[_Planned]) -> Iterator[_Planned]:
    """Decide which frames are painted: every fourth, and those of which too much is new."""
    frames = iter(frames)
    yield from islice(frames, 1)
    while group := list(islice(frames, _EVERY)):
        seen = list(accumulate(group, _seen_before, initial=_all_of(group[0])))[1:]
        painted, way = group[-1], _all_of(group[-1])
        planned = [painted]
        for frame, after, before in zip(group[-2::-1], group[:0:-1], seen[-2::-1], strict=True):
            next_one = after.from_last and chained(after.from_last, way)
            if next_one is not None and _suffices(frame, painted, next_one, before):
                way = next_one
                planned.append(replace(frame, to_painted=way))
            else:
                painted, way = frame, _all_of(frame)
                planned.append(frame)
        yield from reversed(planned)


def _all_of(frame: _Planned) -> Motion:
    return no_motion(*frame.small.shape)


def _seen_before(way: Motion, frame: _Planned) -> Motion:
    """Return the motion from a frame to the last painted one, given that from the frame before."""
    return _all_of(frame) if frame.to_last is None else chained(frame.to_last, way)


def _suffices(frame: _Planned, painted: _Planned, after: Motion, before: Motion) -> bool:
    """Tell whether the painted frames after and before a frame show all of it.

    Scattered pixels do not matter, nor does the sky, where motion cannot be measured but the next
    painted frame, moved, looks like this one. But an object of which neither shows anything does.
    """
    hidden = cv2.blur(1 - np.maximum(after.trust, before.trust), _OBJECT) >= _HIDDEN
    change = cv2.absdiff(sampled(painted.colors, after.flow), frame.colors).max(axis=2)
    unlike = cv2.blur(change, _AROUND) >= _UNLIKE
    return after.share >= _SIMILAR and not (hidden & unlike).any()


def _painted(
    planned: Iterable[_Planned], paint: Callable[[Pixels, Info], Pixels], count: int
) -> Iterator[tuple[_Planned, Pixels]]:
    """Give every frame its painting; one between two is that of the next, moved."""

    def painted(plan: _Planned) -> Pixels | None:
        return None if plan.to_painted else paint(plan.photograph, plan.info)  # type: ignore[arg-type]

    held: list[_Planned] = []
    for plan, painting in at_once(painted, planned, count, (count + 1) * _EVERY):
        if painting is None:
            held.append(plan)
            continue
        movable = Movable(painting, fine=False)
        for between in held:
            yield between, movable.moved(between.to_painted.flow)  # type: ignore[union-attr]
        held = []
        yield plan, painting
