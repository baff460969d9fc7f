"""From frames to painted frames: every second one is painted, those between are moved."""

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

Moment = TypeVar("Moment")  # whatever tells a painter what to do with a frame

_SIMILAR = 0.7  # share of a frame that the next one must show, so that it need not be painted


@dataclass(frozen=True)
class _Planned:
    """A frame, and how it gets its painting: None to be painted, or its motion to the next."""

    photograph: Pixels
    moment: object
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
    """Stylize the frames of a film, one after the other; memory does not grow with their number.

    Args:
        frames: uint8 H×W×3 in sRGB, all of one size. A thread reads a few of them ahead.
        style: A style, or a blend such as `the_scream:0.6,udnie:0.4`.
        stylizer: The model; by default the gallery.
        strength: From 0, the photographs, to 1.
        stability: From 0, where every frame is painted by itself, to 1.
        preserve_colors: Take only the lightness from what is painted.

    Yields:
        A painted frame for each frame, in their order.

    Raises:
        StyleError: The style, strength or stability cannot be used.
        WorkError: ONNX Runtime fails.
    """
    model = stylizer or Stylizer()
    weights = parse_blend(style, model.styles, strength)[np.newaxis]
    stabilizer = Stabilizer(checked_stability(stability))

    def paint(photograph: Pixels, _moment: object) -> Pixels:
        return to_pixels(model.stylize_tensor(to_tensor(photograph), weights))

    pairs = ((frame, None) for frame in frames)
    for photograph, painted, _ in paint_steadily(pairs, paint, stabilizer):
        yield with_colors_of(painted, photograph) if preserve_colors else painted


def checked_stability(stability: float) -> float:
    """Return a stability that lies in 0..1; StyleError for any other."""
    if not 0 <= stability <= 1:
        raise StyleError(f"stability {stability:g} is not in 0..1")
    return stability


def paint_steadily(
    frames: Iterable[tuple[Pixels, Moment]],
    paint: Callable[[Pixels, Moment], Pixels],
    stabilizer: Stabilizer,
) -> Iterator[tuple[Pixels, Pixels, Moment]]:
    """Paint frames and steady them; reading, motion, painting and steadying overlap.

    Args:
        frames: Photographs, each with what `paint` needs to know beside it.
        paint: Makes a painting of one photograph.
        stabilizer: Holds what is carried from frame to frame.

    Yields:
        Photograph, painted frame, and what came with it.
    """
    if stabilizer.stability == 0:
        planned: Iterator[_Planned] = (_Planned(*frame) for frame in ahead(frames))
    else:
        planned = ahead(_plan(ahead(frames)))
    for plan, painting in ahead(_painted(planned, paint)):
        yield plan.photograph, stabilizer(plan.photograph, painting), plan.moment  # type: ignore[misc]


def _plan(frames: Iterable[tuple[Pixels, Moment]]) -> Iterator[_Planned]:
    """Decide which frames are painted: every second one, and those that the next does not show."""
    find = MotionFinder()
    between: tuple[Pixels, Moment] | None = None
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
    planned: Iterable[_Planned], paint: Callable[[Pixels, Moment], Pixels]
) -> Iterator[tuple[_Planned, Pixels]]:
    """Give every frame its painting; one between two is that of the next, moved."""
    held: _Planned | None = None
    for plan in planned:
        if plan.to_next is not None:
            held = plan
            continue
        painting = paint(plan.photograph, plan.moment)  # type: ignore[arg-type]
        if held is not None and held.to_next is not None:
            moved = Movable(painting).moved(held.to_next)
            yield held, np.clip(np.rint(moved), 0, 255).astype(np.uint8)
            held = None
        yield plan, painting
