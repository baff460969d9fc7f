"""Which images a command reads and which files it writes, settled before any work is done."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from styletransfer.atomic import written_whole
from styletransfer.errors import RequestError, WorkError
from styletransfer.images import WRITABLE, Picture, Pixels, find_images, read_image, write_image


@dataclass(frozen=True)
class Source:
    """An image to read; its `label` is the sub-folder of the named folder, empty in none."""

    path: Path
    label: str


def gather(inputs: Iterable[Path]) -> list[Source]:
    """List the images of files and folders, a folder's sorted.

    A file is listed whether it can be read or not. Raises RequestError for a path that does not
    exist and a folder without images, ImageError for a folder that cannot be listed.
    """
    sources: list[Source] = []
    for path in inputs:
        if not path.exists():
            raise RequestError(f"{path}: no such file or folder; name an image that there is")
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
    """The image at `path` over white, at a short side of `size` pixels if one is given.

    What is odd about it goes to `report`, a line each. Raises ImageError.
    """
    picture = read_image(path, size=size)
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

    figure: Path | None
    data: Path | None
    quiet: bool = False

    def check(self, sources: Sequence[Path], *, overwrite: bool) -> None:
        """Refuse, before any work, what could not be written or would overwrite something.

        Raises RequestError for no output at all, a suffix that is not supported, an input, a file
        that exists (without `overwrite`), and a folder that does not exist.
        """
        if self.figure is None and self.data is None:
            raise RequestError("give -o FIGURE.png, --data FILE.npz, or both")
        if self.figure is not None and self.figure.suffix.lower() not in WRITABLE:
            raise RequestError(f"{self.figure}: a figure is one of {' '.join(WRITABLE)}")
        if self.data is not None and self.data.suffix.lower() != ".npz":
            raise RequestError(f"{self.data}: data is written as .npz; give such a name")
        for path in filter(None, (self.figure, self.data)):
            check_output(path, sources, overwrite=overwrite)

    def write(self, figure: Pixels, **arrays: npt.NDArray[Any]) -> None:
        """Write the figure and the arrays, each where it was asked for, and say so.

        Raises ImageError and WorkError where a file cannot be written.
        """
        if self.figure is not None:
            write_image(self.figure, Picture(figure, None, ()))
            self._say(self.figure)
        if self.data is not None:
            write_arrays(self.data, arrays)
            self._say(self.data)

    def _say(self, path: Path) -> None:
        if not self.quiet:
            print(f"wrote {path}")


def check_output(path: Path, sources: Sequence[Path], *, overwrite: bool) -> None:
    """RequestError if writing `path` would overwrite a source, or anything without `overwrite`,
    or if its folder is not there or may not be written to."""
    if path.is_dir():
        raise RequestError(f"{path} is a folder; give the name of a file")
    if path.exists():
        if any(source.exists() and source.samefile(path) for source in sources):
            raise RequestError(f"{path} is an input, and would be overwritten; give another output")
        if not overwrite:
            raise RequestError(f"{path} exists already; --overwrite replaces what is there")
    if not path.parent.is_dir():
        raise RequestError(f"{path.parent}: no such folder; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise RequestError(f"{path.parent}: this folder cannot be written to; give another output")


def write_arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Write named arrays as a compressed `.npz`; WorkError where it cannot be written."""
    try:
        with written_whole(path) as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise WorkError(f"{path}: cannot be written ({error.strerror or error})") from error
