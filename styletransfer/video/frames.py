"""Stylize frames: every second one is painted, and those between are moved copies."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from styletransfer.errors import StyleError
from styletransfer.images import Pixels, to_pixels, to_tensor
from styletransfer.inference import Stylizer
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.color import preserve_colors as with_colors_of
from styletransfer.video.ahead import ahead
from styletransfer.video.motion import Flow, MotionFinder, Movable, reduced, trusted
from styletransfer.video.stability import Stabilizer

Info = TypeVar("Info")  # what a painter needs to know about a frame

_SIMILAR = 0.7  # least fraction of a frame that the next one shows, so that it is not painted


@dataclass(frozen=True)
class _Planned:
    """A frame and how it gets its painting.

    Attributes:
        photograph: The frame, uint8 H×W×3.
        info: What the painter needs to know about it.
        to_next: Motion to the next frame, whose painting is moved; None to paint the frame.
    """

    photograph: Pixels
    info: object
    to_next: Flow | None = None


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
) -> Iterator[tuple[Pixels, Pixels, Info]]:
    """Paint and stabilize frames. Reading, motion, painting and stabilization run in threads.

    Args:
        frames: Photographs, each with the information for `paint`.
        paint: Paints one photograph.
        stabilizer: Its state changes with each frame.

    Yields:
        The photograph, the painted frame, and the information.
    """
    if stabilizer.stability == 0:
        planned: Iterator[_Planned] = (_Planned(*frame) for frame in ahead(frames))
    else:
        planned = ahead(_plan(ahead(frames)))
    for plan, painting in ahead(_painted(planned, paint)):
        yield plan.photograph, stabilizer(plan.photograph, painting), plan.info  # type: ignore[misc]


def _plan(frames: Iterable[tuple[Pixels, Info]]) -> Iterator[_Planned]:
    """Decide which frames are painted: every second one, and those that the next does not show."""
    find = MotionFinder()
    between: tuple[Pixels, Info] | None = None
    painted_last = False
    for frame in frames:
        if between is not None:
            yield _Planned(*between, _motion(find, between[0], frame[0]))
            between = None
            painted_last = False
        if painted_last:
            between = frame
        else:
            yield _Planned(*frame)
            painted_last = True
    if between is not None:
        yield _Planned(*between)


def _motion(find: MotionFinder, photograph: Pixels, following: Pixels) -> Flow | None:
    """Return the motion to the next frame, or None if that shows too little of this one."""
    if photograph.shape != following.shape:
        return None
    frame, other = reduced(photograph), reduced(following)
    back, forth = find(frame, other), find(other, frame)
    return back if trusted(frame, other, back, forth).mean() >= _SIMILAR else None


def _painted(
    planned: Iterable[_Planned], paint: Callable[[Pixels, Info], Pixels]
) -> Iterator[tuple[_Planned, Pixels]]:
    """Give every frame its painting; one between two is that of the next, moved."""
    held: _Planned | None = None
    for plan in planned:
        if plan.to_next is not None:
            held = plan
            continue
        painting = paint(plan.photograph, plan.info)  # type: ignore[arg-type]
        if held is not None and held.to_next is not None:
            moved = Movable(painting).moved(held.to_next)
            yield held, np.clip(np.rint(moved), 0, 255).astype(np.uint8)
            held = None
        yield plan, painting
