"""The three stages of one file: decode, stylize, encode. They know nothing of threads."""

import errno
import hashlib
import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from styletransfer.dataset.memory import picture_bytes
from styletransfer.dataset.plan import Job, Target
from styletransfer.dataset.records import Entry
from styletransfer.dataset.settings import Settings
from styletransfer.dataset.sink import Finished
from styletransfer.images import (
    ImageError,
    Picture,
    Pixels,
    encode_image,
    read_image,
    to_pixels,
    to_tensor,
)
from styletransfer.inference import Stylizer
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.color import preserve_colors
from styletransfer.inference.painter import Painter, Tiles

# What stands in the way of every file that comes after, too.
_HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class Hopeless(Exception):
    """The whole run cannot go on; the message is one line."""


def hopeless(where: Path | str, cause: BaseException) -> Hopeless:
    """Return what tells the user of an error of the file system, and what to do."""
    what = getattr(cause, "strerror", None) or cause
    return Hopeless(f"{where}: {what}; mend that, then run the same command again")


@contextmanager
def fatal_faults(folder: Path) -> Iterator[None]:
    """Raise Hopeless for an OSError; it names the file the error names, else `folder`."""
    try:
        yield
    except OSError as error:
        raise hopeless(error.filename or folder, error) from None


@dataclass(frozen=True)
class Decoded:
    """A decoded source, and its width and height before it was resized."""

    job: Job
    picture: Picture
    source_size: tuple[int, int]


class Stages:
    """The work on one file after another, for the settings of a run."""

    def __init__(self, stylizer: Stylizer, settings: Settings, source: Path, scratch: Path) -> None:
        """`scratch` is a folder, on the file system of the outputs, for unfinished files."""
        self._stylizer = stylizer
        self._settings = settings
        self._source = source
        self._scratch = scratch
        self._tiles = Tiles(memory=picture_bytes())
        self._numbers = itertools.count()

    @contextmanager
    def readable(self, job: Job) -> Iterator[Path]:
        """Give the path of a file that holds the source of `job`."""
        if job.span is None:
            yield self._source / job.source
            return
        path = self._unfinished(PurePosixPath(job.source).suffix)
        path.write_bytes(self._member(job))
        try:
            yield path
        finally:
            path.unlink()

    def pixels(self, size: tuple[int, int]) -> int:
        """Return how many pixels a picture of a width and a height will have in memory."""
        width, height = size
        if self._settings.size is None:
            return width * height
        short, long = sorted((width, height))
        return self._settings.size**2 * (1 if self._settings.crop else long // short + 1)

    def decode(self, job: Job, path: Path, source_size: tuple[int, int]) -> Decoded:
        """Read a picture, resize it and cut its middle out where the settings say so."""
        picture = read_image(path, size=self._settings.size, crop=self._settings.crop)
        return Decoded(job, picture, source_size)

    def stylize(self, batch: Sequence[tuple[Picture, Target]]) -> list[Picture]:
        """Stylize pictures of one size, each as its target says; a lone large one in tiles."""
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
            replace(picture, rgb=self._coloured(result, picture))
            for result, (picture, _) in zip(results, batch, strict=True)
        ]

    def encode(self, decoded: Decoded, target: Target, picture: Picture) -> Finished:
        """Write a stylized picture to an unfinished file. Raises ImageError, OSError."""
        path = self._unfinished(PurePosixPath(target.output).suffix)
        file = BytesIO()
        encode_image(file, picture, path.suffix, quality=self._settings.quality)
        content = file.getbuffer()
        path.write_bytes(content)
        height, width = picture.rgb.shape[:2]
        sizes = (width, height, *decoded.source_size)
        return Finished(path, entry(decoded.job, target, content, sizes))

    def copy(self, job: Job, target: Target) -> Finished:
        """Copy a file that is no image to an unfinished one. Raises OSError."""
        path = self._unfinished(".copy")
        if job.span is None:
            shutil.copyfile(self._source / job.source, path)
        else:
            path.write_bytes(self._member(job))
        return Finished(path, entry(job, target, path.read_bytes()))

    def reason(self, error: Exception, job: Job) -> str:
        """Return in one line why a file failed; Hopeless for what no other file would survive."""
        source = f"{self._source / job.source}: "
        cause = error.__cause__ if isinstance(error, ImageError) else error
        # A source that cannot be read is one file; a destination is all of them.
        if getattr(cause, "errno", None) in _HOPELESS and not str(error).startswith(source):
            raise hopeless(self._scratch.parent.parent, cause or error) from None
        text = str(error).removeprefix(source).strip().partition("\n")[0]
        if text.startswith(f"{self._scratch}/"):  # the name of an unfinished file tells nothing
            text = text.partition(": ")[2]
        if isinstance(error, OSError) and error.strerror:
            text = error.strerror
        memory = isinstance(error, MemoryError) or "alloc" in text.lower()
        remedy = "; a smaller --size takes less memory" if memory else ""
        return (text or type(error).__name__) + remedy

    def _painter(self, target: Target) -> Painter:
        return Painter(
            self._stylizer,
            strength=target.strength or 0.0,
            preserve_colors=self._settings.preserve_colors,
            tiles=self._tiles,
        )

    def _coloured(self, stylized: Pixels, picture: Picture) -> Pixels:
        return (
            preserve_colors(stylized, picture.rgb) if self._settings.preserve_colors else stylized
        )

    def _member(self, job: Job) -> bytes:
        start, count = job.span or (0, 0)
        with (self._source / job.source.partition("/")[0]).open("rb") as tar:
            tar.seek(start)
            content = tar.read(count)
        if len(content) < count:
            raise ImageError(f"{self._source / job.source}: is cut short; replace the tar file")
        return content

    def _unfinished(self, suffix: str) -> Path:
        return self._scratch / f"{next(self._numbers)}{suffix}"


def entry(
    job: Job, target: Target, content: bytes | memoryview, sizes: Sequence[int] = ()
) -> Entry:
    """Return what the manifest says of a file's content, with the four `sizes` of a picture."""
    strength = "" if target.strength is None else f"{target.strength:g}"
    width, height, source_width, source_height = map(str, sizes or ("",) * 4)
    return Entry(
        target.output, job.source, target.style or "", strength,
        width, height, source_width, source_height,
        str(len(content)), hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
