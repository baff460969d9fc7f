"""The work of a command, picture by picture: progress on a terminal, and failures by name."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from styletransfer.images import ImageError, Picture, read_image, write_image
from styletransfer.inference.outputs import Job
from styletransfer.inference.painter import Painter
from styletransfer.inference.stylizer import Stylizer


def stylize_job(painter: Painter, job: Job, size: int | None, bar: "tqdm[Any]") -> int:
    """Write the pictures of one job; return how many were written."""
    written = 0
    with one_picture(job.source):
        picture = None
        for style, target in job.targets.items():
            if size is None and painter.streams(job.source, target):
                painter.stream(job.source, target, style, bar.update)
            else:
                picture = picture or _read(job.source, size)
                painted = painter(picture, style, bar.update)
                for note in painted.notes[len(picture.notes) :]:
                    report(f"{job.source}: {note}")
                write_image(target, painted)
            written += 1
    return written


def stylize_row(
    stylizer: Stylizer, source: Path, styles: Sequence[str], size: int, bar: "tqdm[Any]"
) -> list[Picture]:
    """Return a photograph, followed by what each of the styles makes of it."""
    row = [_read(source, size)]
    for style in styles:
        row.append(stylizer(row[0], style))
        bar.update()
    return row


def _read(path: Path, size: int | None) -> Picture:
    picture = read_image(path, size=size)
    for note in picture.notes:
        report(f"{path}: {note}")
    return picture


@contextmanager
def one_picture(path: Path) -> Iterator[None]:
    """Report what goes wrong with one picture by name; the others are still due."""
    try:
        yield
    except ImageError as error:
        report(f"Error: {error}")
    # ONNX Runtime's failures have no type of their own, and one file must not end the whole run.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        memory = isinstance(error, MemoryError) or "alloc" in reason.lower()
        remedy = "; a smaller --size takes less memory" if memory else ""
        report(f"Error: {path}: {reason}{remedy}")


def progress(total: int, *, quiet: bool) -> "tqdm[Any]":
    """Open a bar with a rate, shown once the work has taken two seconds, and only on a terminal."""
    hidden = quiet or not sys.stderr.isatty()
    return tqdm(total=total, unit="picture", delay=2, disable=hidden)


def report(line: str) -> None:
    """Write a line to stderr, above the progress bar if there is one."""
    tqdm.write(line, file=sys.stderr)
