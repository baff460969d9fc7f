"""The work of a command, picture by picture: progress on a terminal, and failures by name."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from styletransfer.errors import OutputError, StyleTransferError, one_line
from styletransfer.images import DEFAULT_MAX_PIXELS, Picture, read_image, read_size, write_image
from styletransfer.images.identify import check_pixels
from styletransfer.inference.outputs import Task
from styletransfer.inference.painter import Painter
from styletransfer.inference.stylizer import Stylizer


def stylize_task(
    painter: Painter,
    task: Task,
    size: int | None,
    bar: "tqdm[Any]",
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    strip: bool = False,
) -> int:
    """Write the pictures of one task; return how many were written.

    Args:
        painter: Paints them.
        task: What to read and write.
        size: Short side to scale the picture to first, in pixels.
        bar: Is moved on.
        max_pixels: Limit for the pixels of the picture.
        strip: Whether to leave out EXIF, XMP and resolution.
    """
    written = 0
    with one_picture(task.source):
        if task.source.is_file():  # a pipe is read once
            width, height = read_size(task.source)
            check_pixels(str(task.source), width * height, max_pixels)
        picture = None
        for style, target in task.targets.items():
            if size is None and painter.streams(task.source, target):
                width, height = read_size(task.source)
                line = painter.check_disk((height, width), streamed=True)
                report(f"{task.source}: {line}")
                make_folder(target)
                painter.stream(
                    task.source, target, style, bar.update, max_pixels=max_pixels, strip=strip
                )
            else:
                if picture is None:
                    painter.check(task.source, target, size)
                    picture = _read(task.source, size, max_pixels)
                    if line := painter.check_disk(picture.rgb.shape[:2]):
                        report(f"{task.source}: {line}")
                painted = painter(picture, style, bar.update)
                for note in painted.notes[len(picture.notes) :]:
                    report(f"{task.source}: {note}")
                make_folder(target)
                write_image(target, painted, strip=strip)
            written += 1
    return written


def stylize_row(
    stylizer: Stylizer, source: Path, styles: Sequence[str], size: int, bar: "tqdm[Any]"
) -> list[Picture]:
    """Return a photograph, followed by its stylization in each of the styles."""
    row = [_read(source, size)]
    for style in styles:
        row.append(stylizer(row[0], style))
        bar.update()
    return row


def make_folder(target: Path) -> None:
    """Make the folder of a file that is about to be written.

    Raises:
        OutputError: The folder cannot be made.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror
        raise OutputError(f"{target.parent}: this folder cannot be made ({reason})") from None


def _read(path: Path, size: int | None, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    picture = read_image(path, short_side=size, max_pixels=max_pixels)
    for note in picture.notes:
        report(f"{path}: {note}")
    return picture


@contextmanager
def one_picture(path: Path) -> Iterator[None]:
    """Report a failure with the picture's name, and let the work go on with the next picture.

    A bug is not a failure: it ends the work with its traceback.
    """
    try:
        yield
    except StyleTransferError as error:
        line = str(error)
        report(f"Error: {line if str(path) in line else f'{path}: {line}'}")
    except MemoryError:
        report(f"Error: {path}: not enough memory; a smaller --short-side takes less")


def progress(total: int, *, quiet: bool) -> "tqdm[Any]":
    """Open a bar with a rate, shown once the work has taken two seconds, and only on a terminal."""
    hidden = quiet or not _is_open(sys.stderr) or not sys.stderr.isatty()
    return tqdm(total=total, unit="picture", delay=2, disable=hidden)


def report(line: str) -> None:
    """Write a line to stderr, if there is one, above the progress bar."""
    if _is_open(sys.stderr):
        with suppress(OSError):  # what takes it is full
            tqdm.write(one_line(line), file=sys.stderr)


def _is_open(stream: TextIO | None) -> bool:
    """Whether there is such a stream: a program without a console has none."""
    return stream is not None and not stream.closed
