"""What a film is to the rest of the package: frames with times."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from av.video.reformatter import Colorspace

from styletransfer.images import Pixels

FRAMES_PER_SECOND = 25  # where a source does not say


@dataclass(frozen=True)
class Frame:
    """A frame of a film.

    Attributes:
        rgb: uint8 H×W×3 in sRGB.
        pts: Time in ticks.
        duration: Duration in ticks.
        skipped: Number of broken packets before it, of those after the start of `Film.frames`.
    """

    rgb: Pixels
    pts: int
    duration: int
    skipped: int = 0


@dataclass
class Film(ABC):
    """A film to read; the base class of the three kinds.

    Attributes:
        path: The file, folder or pattern.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        time_base: Length of a tick in seconds.
        rate: Average number of frames per second.
        count: Approximate number of frames; 0 if it is not known.
        matrix: YUV matrix of the film.
        full: Whether its YUV has the full range 0..255.
        skipped: Number of broken packets, and of frames without a time of their own, that
            `frames` has met after its start.
    """

    path: Path
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    count: int
    matrix: int = Colorspace.ITU709
    full: bool = False
    skipped: int = field(default=0, init=False)

    @abstractmethod
    def frames(self, start: int | None = None) -> Iterator[Frame]:
        """Yield the frames from the time `start` on, in ticks."""
