"""Which images are read and which files are written, settled before any work is done."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from styletransfer.atomic import written_whole
from styletransfer.errors import OutputError, RequestError, WorkError
from styletransfer.images import WRITABLE, Picture, Pixels, find_images, read_image, write_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAWN = (".pdf", ".svg")


@dataclass(frozen=True)
class Source:
    """An image to read; its `label` is the sub-folder of the named folder, empty in none."""

    path: Path
    label: str


def gather(inputs: Iterable[Path]) -> list[Source]:
    """List the images of files and folders, a folder's sorted.

    A file is listed whether it can be read or not.

    Raises:
        RequestError: A path does not exist, or a folder has no images.
        ImageError: A folder cannot be listed.
    """
    sources: list[Source] = []
    for path in inputs:
        if not path.exists():
            raise RequestError(f"{path}: no such file or folder; give an image that exists")
        if not path.is_dir():
            sources.append(Source(path, ""))
            continue
        found = find_images(path)
        if not found:
            raise RequestError(f"{path}: there is no image in this folder")
        labels = (image.relative_to(path).parent.as_posix() for image in found)
        sources += (
            Source(image, "" if label == "." else label)
            for image, label in zip(found, labels, strict=True)
        )
    return sources


def read_opaque(path: Path, size: int | None, report: Callable[[str], None]) -> Pixels:
    """Read the image at `path`, over white where it is transparent.

    Args:
        path: File of an image.
        size: Short side of the result in pixels; None keeps the image's size.
        report: Called with a line for everything that is odd about the file.

    Raises:
        ImageError: The file cannot be read.
    """
    picture = read_image(path, short_side=size)
    for note in picture.notes:
        report(f"{path}: {note}")
    return over_white(picture)


def over_white(picture: Picture) -> Pixels:
    """The picture's colors, over white where it is transparent."""
    if picture.alpha is None:
        return picture.rgb
    share = picture.alpha[..., None] / 255
    return np.rint(picture.rgb * share + 255 * (1 - share)).astype(np.uint8)


@dataclass(frozen=True)
class Outputs:
    """The files that a command writes: a figure, its data, or both."""

    figure: Path | None = None
    data: Path | None = None
    overwrite: bool = False
    quiet: bool = False
    dpi: int = 100

    def check(self, sources: Sequence[Path], *, drawn: bool = True) -> None:
        """Refuse, before any work, what cannot be written or would overwrite something.

        Args:
            sources: Files that are read, and must not be overwritten.
            drawn: Whether the figure is drawn, so that it can be a PDF or SVG.

        Raises:
            OutputError: There is no output at all, its suffix is not supported, it is one of
                `sources`, it exists (without `overwrite`), or its folder does not.
        """
        if self.figure is None and self.data is None:
            raise OutputError("give -o FIGURE.png, --data FILE.npz, or both")
        if self.figure is not None:
            check_suffix(self.figure, drawn=drawn)
        if self.data is not None and self.data.suffix.lower() != ".npz":
            raise OutputError(f"{self.data}: data is written as .npz; give such a name")
        for path in filter(None, (self.figure, self.data)):
            check_output(path, sources, overwrite=self.overwrite)

    def write(self, figure: "Pixels | Figure", **arrays: npt.NDArray[Any]) -> None:
        """Write the figure or picture and the arrays, each where it was asked for, and say so.

        Raises:
            ImageError: The figure cannot be written.
            WorkError: The data cannot be written.
        """
        if self.figure is not None:
            self._draw(figure, self.figure)
            self.say(f"wrote {self.figure}")
        if self.data is not None:
            write_arrays(self.data, arrays)
            self.say(f"wrote {self.data}")

    def _draw(self, figure: "Pixels | Figure", path: Path) -> None:
        if isinstance(figure, np.ndarray):
            write_image(path, Picture(figure, None, ()))
        elif path.suffix.lower() in _DRAWN:
            with _faults_told(path), written_whole(path) as file:
                figure.savefig(file, format=path.suffix.lower()[1:])
        else:
            from interp.figures import pixels_of

            write_image(path, Picture(pixels_of(figure, self.dpi), None, ()))

    def say(self, line: str) -> None:
        """Print a line, unless it is to be quiet."""
        if not self.quiet:
            print(line)


def check_suffix(figure: Path, *, drawn: bool = False) -> None:
    """Raise an OutputError if a picture, or a figure that is drawn, cannot have that suffix."""
    known = (*WRITABLE, *(_DRAWN if drawn else ()))
    if figure.suffix.lower() not in known:
        raise OutputError(f"{figure}: a figure is one of {' '.join(known)}")


def check_output(path: Path, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Raise an OutputError if `path` cannot be written.

    That is so where it is one of `sources`, where it exists (without `overwrite`), and where its
    folder does not exist or may not be written to.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file")
    if path.exists():
        if any(source.exists() and source.samefile(path) for source in sources):
            raise OutputError(f"{path} is an input, and would be overwritten; give another output")
        if not overwrite:
            raise OutputError(f"{path} exists already; --overwrite replaces it")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: no such folder; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path.parent}: this folder cannot be written to; give another output")


def write_arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Write named arrays as a compressed `.npz`; WorkError where it cannot be written."""
    with _faults_told(path), written_whole(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


@contextmanager
def _faults_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkError(f"{path}: cannot be written ({error.strerror or error})") from error
