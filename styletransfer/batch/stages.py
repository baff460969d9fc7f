"""The three stages of one file: decode, stylize, encode. They know nothing of threads."""

import errno
import hashlib
import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from styletransfer.batch.plan import Job, Target
from styletransfer.batch.records import Entry
from styletransfer.batch.settings import Settings
from styletransfer.batch.sink import Finished
from styletransfer.images import (
    ImageError,
    Picture,
    Pixels,
    read_image,
    read_size,
    to_pixels,
    to_tensor,
    write_image,
)
from styletransfer.inference import Stylizer
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.colour import preserve_colours

# What stands in the way of every file that comes after, too.
_HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class Hopeless(Exception):
    """The whole run cannot go on; the message is one line."""


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

    def pixels(self, path: Path) -> int:
        """Return how many pixels a picture will have in memory; ImageError if it is none."""
        width, height = read_size(path)
        if self._settings.size is None:
            return width * height
        short, long = sorted((width, height))
        return self._settings.size**2 * (1 if self._settings.crop else long // short + 1)

    def decode(self, job: Job, path: Path) -> Decoded:
        """Read a picture, resize it and cut its middle out where the settings say so."""
        picture = read_image(path, size=self._settings.size)
        if self._settings.crop and self._settings.size is not None:
            picture = _middle(picture, self._settings.size)
        return Decoded(job, picture, read_size(path))

    def stylize(self, batch: Sequence[tuple[Picture, Target]]) -> list[Picture]:
        """Stylize pictures of one size, each as its target says."""
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
        write_image(path, picture, quality=self._settings.quality)
        height, width = picture.rgb.shape[:2]
        sizes = (width, height, *decoded.source_size)
        return Finished(path, entry(decoded.job, target, path, sizes))

    def copy(self, job: Job, target: Target) -> Finished:
        """Copy a file that is no image to an unfinished one. Raises OSError."""
        path = self._unfinished(".copy")
        if job.span is None:
            shutil.copyfile(self._source / job.source, path)
        else:
            path.write_bytes(self._member(job))
        return Finished(path, entry(job, target, path))

    def reason(self, error: Exception, job: Job) -> str:
        """Return in one line why a file failed; Hopeless for what no other file would survive."""
        source = f"{self._source / job.source}: "
        cause = error.__cause__ if isinstance(error, ImageError) else error
        # A source that cannot be read is one file; a destination is all of them.
        if getattr(cause, "errno", None) in _HOPELESS and not str(error).startswith(source):
            text = f"{cause}; mend that, then run the same command again"
            raise Hopeless(text) from None
        text = str(error).removeprefix(source).strip().partition("\n")[0]
        if text.startswith(f"{self._scratch}/"):  # the name of an unfinished file tells nothing
            text = text.partition(": ")[2]
        if isinstance(error, OSError) and error.strerror:
            text = error.strerror
        memory = isinstance(error, MemoryError) or "alloc" in text.lower()
        remedy = "; a smaller --size takes less memory" if memory else ""
        return (text or type(error).__name__) + remedy

    def _coloured(self, stylized: Pixels, picture: Picture) -> Pixels:
        return (
            preserve_colours(stylized, picture.rgb) if self._settings.preserve_colors else stylized
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


def entry(job: Job, target: Target, path: Path, sizes: Sequence[int] = ()) -> Entry:
    """Return what the manifest says of the file at `path`, with the four `sizes` of a picture."""
    content = path.read_bytes()
    strength = "" if target.strength is None else f"{target.strength:g}"
    width, height, source_width, source_height = map(str, sizes or ("",) * 4)
    return Entry(
        target.output, job.source, target.style or "", strength,
        width, height, source_width, source_height,
        str(len(content)), hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


def _middle(picture: Picture, side: int) -> Picture:
    height, width = picture.rgb.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    part = np.s_[top : top + side, left : left + side]
    alpha = None if picture.alpha is None else np.ascontiguousarray(picture.alpha[part])
    return replace(picture, rgb=np.ascontiguousarray(picture.rgb[part]), alpha=alpha)
