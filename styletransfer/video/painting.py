"""Paint frames of a film with styles that change over time, or with a style for each region."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from styletransfer.images import Picture, Pixels, image_suffixes, to_pixels, to_tensor
from styletransfer.inference import Stylizer
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.masks import Region, read_masks, stylize_regions
from styletransfer.video.opening import open_film
from styletransfer.video.source import Frame
from styletransfer.video.timeline import Row, Timeline


@dataclass(frozen=True)
class Moment:
    """A moment of a film.

    Attributes:
        time: Time in seconds.
        pts: Time in ticks.
        duration: Duration of the frame in ticks.
        skipped: Number of broken packets before it.
        masks: Masks of the regions, uint8 H×W.
    """

    time: float
    pts: int
    duration: int
    skipped: int
    masks: tuple[Pixels | None, ...]


@dataclass(frozen=True)
class FilmPainter:
    """Paint single frames.

    Attributes:
        stylizer: The model.
        timeline: Strengths over time, and styles if there are no regions.
        regions: A style for each region.
    """

    stylizer: Stylizer
    timeline: Timeline
    regions: Sequence[Region] = ()

    def __call__(self, photograph: Pixels, moment: Moment) -> Pixels:
        """Paint a frame, uint8 H×W×3, without regard to other frames."""
        if not self.regions:
            return self._paint(photograph, self.timeline.row(moment.time))
        strength = self.timeline.strength(moment.time)

        def paint(picture: Picture, style: str) -> Picture:
            return Picture(
                self._paint(picture.rgb, parse_blend(style, self.stylizer.styles, strength))
            )

        return stylize_regions(paint, Picture(photograph), self.regions, moment.masks).rgb

    def _paint(self, photograph: Pixels, row: Row) -> Pixels:
        return to_pixels(self.stylizer.stylize_tensor(to_tensor(photograph), row[np.newaxis]))


def with_moments(
    frames: Iterable[Frame], regions: Sequence[Region], time_base: Fraction
) -> Iterator[tuple[Pixels, Moment]]:
    """Yield each frame with its moment and the masks for it.

    If a mask is a film, its frame of the same time is used, and its last frame after its end.

    Raises:
        ImageError: A mask cannot be read.
        FilmError: A mask that is a film cannot be read.
    """
    masks = [_masks(region) for region in regions]
    for frame in frames:
        time = float(frame.pts * time_base)
        shown = tuple(at(time) for at in masks)
        yield frame.rgb, Moment(time, frame.pts, frame.duration, frame.skipped, shown)


def _masks(region: Region) -> Callable[[float], Pixels | None]:
    """Return a function that gives the mask of a region at a time in seconds."""
    if region.mask is None or not _moves(region.mask):
        (still,), _ = read_masks([region])
        return lambda time: still
    source = open_film(region.mask)
    coming = source.frames()
    held = [next(coming, None), next(coming, None)]

    def at(time: float) -> Pixels | None:
        while held[1] is not None and held[1].pts * source.time_base <= time:
            held[:] = [held[1], next(coming, None)]
        return None if held[0] is None else cv2.cvtColor(held[0].rgb, cv2.COLOR_RGB2GRAY)

    return at


def _moves(mask: Path) -> bool:
    return mask.suffix.lower() == ".gif" or mask.suffix.lower() not in image_suffixes()
