"""Stylize pictures one after the other, with progress and a report of failures."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from styletransfer.errors import ImageError, OutputError, StyleTransferError, one_line
from styletransfer.images import DEFAULT_MAX_PIXELS, Picture, read_image, read_size, write_image
from styletransfer.images.identify import check_pixels
from styletransfer.inference.outputs import Task
from styletransfer.inference.painter import Painter
from styletransfer.inference.stylizer import Stylizer

if TYPE_CHECKING:
    from tqdm import tqdm

# Short side in pixels above which strokes look small when the whole picture is on a screen.
LARGE = 2000


class NoBar:
    """A progress bar that shows nothing. To import tqdm would take a sixth of a short run."""

    def __enter__(self) -> "NoBar":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, n: float = 1) -> None:
        """Do nothing."""


def stylize_task(
    painter: Painter,
    task: Task,
    short_side: int | None,
    bar: "tqdm[Any] | NoBar",
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    strip: bool = False,
) -> int:
    """Stylize one picture, and write the files of its task.

    Args:
        painter: The painter.
        task: The picture to read and the files to write.
        short_side: Short side in pixels to which the picture is scaled first.
        bar: Progress bar to update.
        max_pixels: Greatest number of pixels of the picture.
        strip: Whether to leave out EXIF, XMP and resolution.

    Returns:
        The number of files that were written.
    """
    written = 0
    with one_picture(task.source):
        if task.source.is_file():  # a pipe can be read only once
            width, height = read_size(task.source)
            check_pixels(str(task.source), width * height, max_pixels)
        picture = None
        for style, target in task.targets.items():
            if short_side is None and painter.streams(task.source, target):
                width, height = read_size(task.source)
                line = painter.check_disk((height, width), streamed=True)
                report(f"{task.source}: {line}")
                make_folder(target)
                notes = painter.stream(
                    task.source, target, style, bar.update, max_pixels=max_pixels, strip=strip
                )
                for note in notes:
                    report(f"{task.source}: {note}")
            else:
                if picture is None:
                    painter.check(task.source, target, short_side)
                    picture = _read(task.source, short_side, max_pixels)
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
    stylizer: Stylizer,
    source: Path,
    styles: Sequence[str],
    short_side: int,
    bar: "tqdm[Any] | NoBar",
) -> list[Picture]:
    """Return a photograph and its stylizations, in the order of `styles`."""
    row = [_read(source, short_side)]
    for style in styles:
        row.append(stylizer(row[0], style))
        bar.update()
    return row


def advise_on_size(path: Path) -> None:
    """Say so if a picture is so large that the strokes look small in it."""
    with suppress(ImageError):  # whoever stylizes it reports the error
        width, height = read_size(path) if path.is_file() else (0, 0)
        if min(width, height) > LARGE:
            report(
                f"{path}: strokes look small in a picture of {width}×{height} pixels; "
                "--short-side 1000 makes them larger"
            )


def make_folder(target: Path) -> None:
    """Make the folder of a file if it is missing.

    Raises:
        OutputError: The folder cannot be made.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror
        raise OutputError(f"{target.parent}: this folder cannot be made ({reason})") from None


def _read(path: Path, short_side: int | None, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    picture = read_image(path, short_side=short_side, max_pixels=max_pixels)
    for note in picture.notes:
        report(f"{path}: {note}")
    return picture


@contextmanager
def one_picture(path: Path) -> Iterator[None]:
    """Report an error with the name of the picture, so that the work goes on with the next one.

    A bug is not caught.
    """
    try:
        yield
    except ImageError as error:  # it names its file
        report(f"Error: {error}")
    except StyleTransferError as error:
        report(f"Error: {path}: {error}")
    except MemoryError:
        report(f"Error: {path}: not enough memory; a smaller --short-side takes less")


def progress(total: int, *, quiet: bool) -> "tqdm[Any] | NoBar":
    """Open a progress bar. It appears after two seconds, and only on a terminal."""
    if quiet or not _is_open(sys.stderr) or not sys.stderr.isatty():
        return NoBar()
    from tqdm import tqdm

    return tqdm(total=total, unit="picture", delay=2)


def report(line: str) -> None:
    """Write a line to stderr, above the progress bar."""
    if _is_open(sys.stderr):
        with suppress(OSError):  # the disk may be full
            if tqdm := sys.modules.get("tqdm"):  # a bar may be shown
                tqdm.tqdm.write(one_line(line), file=sys.stderr)
            else:
                print(one_line(line), file=sys.stderr)


def _is_open(stream: TextIO | None) -> bool:
    """Tell whether a stream exists and is open. A program without a console has none."""
    return stream is not None and not stream.closed
