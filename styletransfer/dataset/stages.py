"""The three stages of one file: decode, stylize, encode. They do not use threads."""

import errno
import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from styletransfer.dataset.plan import FileTask, Target
from styletransfer.dataset.records import Entry
from styletransfer.dataset.settings import Settings, file_hash
from styletransfer.dataset.sink import Finished
from styletransfer.dataset.sources import Source
from styletransfer.dataset.storage import FULL, Stamp, source_faults
from styletransfer.errors import DestinationError
from styletransfer.images import (
    Picture,
    Pixels,
    encode_image,
    read_image,
    to_pixels,
    to_tensor,
)
from styletransfer.images.identify import check_pixels
from styletransfer.inference import Stylizer
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.color import preserve_colors
from styletransfer.inference.limits import BASE, Tiles, reading_bytes
from styletransfer.inference.painter import COPIES, Painter

BYTES_A_PIXEL = 256  # at least, and for a model that does not say its memory
# After these errors every other file would fail, too.
_FATAL = (*FULL, errno.EIO)


def stopped(where: Path | str, cause: BaseException) -> DestinationError:
    """Return the error for a fault of the file system, with the remedy."""
    what = getattr(cause, "strerror", None) or cause
    return DestinationError(f"{where}: {what}; mend that, then run the same command again")


@contextmanager
def fatal_faults(folder: Path) -> Iterator[None]:
    """Raise DestinationError for an OSError. It names the file of the error, or else `folder`."""
    try:
        yield
    except OSError as error:
        raise stopped(error.filename or folder, error) from None


@dataclass(frozen=True)
class Origin:
    """The source of an output: its stamp and its SHA-256."""

    stamp: Stamp
    sha256: str


@dataclass(frozen=True)
class Decoded:
    """A decoded source, its origin, and its width and height in the file."""

    task: FileTask
    picture: Picture
    origin: Origin
    source_size: tuple[int, int]


class Stages:
    """The stages for the settings of a run.

    Attributes:
        room: Memory that the pictures under way may take, in bytes.
    """

    def __init__(
        self, stylizer: Stylizer, settings: Settings, source: Source, scratch: Path
    ) -> None:
        """`scratch` is a folder, on the file system of the outputs, for unfinished files."""
        self._stylizer = stylizer
        self._settings = settings
        self._source = source
        self._scratch = scratch
        self._tiles = Tiles(memory=settings.memory_bytes)
        self.room = settings.memory_bytes - BASE
        self._numbers = itertools.count()

    @contextmanager
    def readable(self, task: FileTask) -> Iterator[Path]:
        """Give the path of a file with the bytes of the source.

        Raises:
            ImageError: The source cannot be read.
            OSError: Its copy cannot be written.
        """
        spare = self._unfinished(PurePosixPath(task.source).suffix)
        try:
            yield self._source.file(task, spare)
        finally:
            spare.unlink(missing_ok=True)

    def bytes(self, path: Path, size: tuple[int, int]) -> int:
        """Return how many bytes of memory a file of a width and a height will take.

        Raises:
            ImageError: The file is no image.
        """
        width, height = size
        pixels = width * height
        if (side := self._settings.short_side) is not None:
            short, long = sorted(size)
            pixels = side**2 * (1 if self._settings.crop else long // short + 1)
        return max(pixels * bytes_a_pixel(self._stylizer), reading_bytes(path))

    def painting(self, size: tuple[int, int]) -> int:
        """Return how many bytes of memory stylizing a picture of a height and a width takes."""
        # A picture in tiles takes all the memory that there is.
        return min(size[0] * size[1] * bytes_a_pixel(self._stylizer), self.room)

    def decode(self, task: FileTask, path: Path, source_size: tuple[int, int]) -> Decoded:
        """Read a picture, and resize and crop it as the settings say.

        Raises:
            ImageError: The file cannot be read as an image.
            OSError: The file cannot be read.
            MemoryLimitError: The picture needs more memory than the settings allow.
            ScratchError: There is no room on disk for the tiles of a large picture.
        """
        stamp = self._source.stamp(task)
        with source_faults(self._source.root / task.source):
            origin = Origin(stamp, file_hash(path))
        painter, side = self._painter(task.targets[0]), self._settings.short_side
        if self.bytes(path, source_size) > self.room:
            width, height = source_size
            check_pixels(str(path), width * height, self._settings.max_pixels)
            painter.check(path, None, side)
        picture = read_image(
            path, short_side=side, crop=self._settings.crop, max_pixels=self._settings.max_pixels
        )
        if line := painter.check_disk(picture.rgb.shape[:2]):
            picture = replace(picture, notes=(*picture.notes, line))
        return Decoded(task, picture, origin, source_size)

    def stylize(self, batch: Sequence[tuple[Picture, Target]]) -> list[Picture]:
        """Stylize pictures of one size, each as its target says. A large one is done in tiles."""
        if len(batch) == 1:
            ((picture, target),) = batch
            return [self._painter(target)(picture, target.style or "")]
        images = np.concatenate([to_tensor(picture.rgb) for picture, _ in batch])
        rows = [
            parse_blend(target.style or "", self._stylizer.styles, target.strength or 0.0)
            for _, target in batch
        ]
        stylized = self._stylizer.stylize_tensor(images, np.stack(rows))
        results = (to_pixels(image) for image in stylized)
        return [
            replace(picture, rgb=self._colored(result, picture))
            for result, (picture, _) in zip(results, batch, strict=True)
        ]

    def encode(self, decoded: Decoded, target: Target, picture: Picture) -> Finished:
        """Write a stylized picture to an unfinished file.

        Raises:
            ImageError: The format cannot hold the picture.
            OSError: The file cannot be written.
        """
        path = self._unfinished(PurePosixPath(target.output).suffix)
        file = BytesIO()
        settings = self._settings
        encode_image(file, picture, path.suffix, quality=settings.quality, strip=settings.strip)
        path.write_bytes(file.getbuffer())
        height, width = picture.rgb.shape[:2]
        sizes = (width, height, *decoded.source_size)
        return Finished(path, entry(decoded.task, target, path, decoded.origin, sizes))

    def copy(self, task: FileTask, target: Target) -> Finished:
        """Copy a source to an unfinished file.

        Raises:
            ImageError: The source cannot be read.
            OSError: The file cannot be written.
        """
        path = self._unfinished(".copy")
        stamp = self._source.stamp(task)
        source = self._source.file(task, path)
        if source != path:
            shutil.copyfile(source, path)
        return Finished(path, entry(task, target, path, Origin(stamp, file_hash(path))))

    def reason(self, error: Exception, task: FileTask) -> str:
        """Return in one line why a file failed.

        Raises:
            DestinationError: All other files would fail, too.
        """
        # A source that cannot be read, an ImageError, is one file; a destination is all of them.
        if isinstance(error, OSError) and error.errno in _FATAL:
            raise stopped(self._scratch.parent.parent, error) from None
        if isinstance(error, MemoryError):
            return "not enough memory; a smaller --short-side takes less"
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        text = str(error).removeprefix(f"{self._source.root / task.source}: ")
        text = text.strip().partition("\n")[0]
        if text.startswith(f"{self._scratch}/"):  # the user does not know the unfinished file
            text = text.partition(": ")[2]
        return text or type(error).__name__

    def _painter(self, target: Target) -> Painter:
        return Painter(
            self._stylizer,
            strength=target.strength or 0.0,
            preserve_colors=self._settings.preserve_colors,
            tiles=self._tiles,
        )

    def _colored(self, stylized: Pixels, picture: Picture) -> Pixels:
        return (
            preserve_colors(stylized, picture.rgb) if self._settings.preserve_colors else stylized
        )

    def _unfinished(self, suffix: str) -> Path:
        return self._scratch / f"{next(self._numbers)}{suffix}"


def bytes_a_pixel(stylizer: Stylizer) -> int:
    """Return the memory of a pixel of a picture while it is stylized, its copies counted."""
    return max(BYTES_A_PIXEL, (stylizer.bytes_per_pixel or 0) + COPIES)


def entry(
    task: FileTask, target: Target, path: Path, origin: Origin, sizes: Sequence[int] = ()
) -> Entry:
    """Return the row of the manifest for a file at `path`, with the four `sizes` of a picture."""
    strength = "" if target.strength is None else f"{target.strength:g}"
    width, height, source_width, source_height = map(str, sizes or ("",) * 4)
    return Entry(
        target.output, task.source, target.style or "", strength,
        width, height, source_width, source_height,
        str(path.stat().st_size), file_hash(path),
        str(origin.stamp.bytes), origin.stamp.version, origin.sha256,
    )  # fmt: skip
