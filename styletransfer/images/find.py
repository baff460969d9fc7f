"""Find the image files in a folder."""

import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from styletransfer.errors import ImageError

_log = logging.getLogger(__name__)

# A short list, not all that Pillow opens: some of its readers run programs (EPS) or take any
# bytes for a picture (TGA). JPEG comes with MPO, what many phones write under the name .jpg.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM", "HEIF")
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})  # read with the package pillow-heif
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc",
    ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl",
    ".sr2", ".srf", ".srw", ".x3f",
})  # fmt: skip
# Pictures in formats that are not read.
_UNREADABLE = RAW_SUFFIXES | {
    ".dds", ".eps", ".exr", ".fits", ".hdr", ".icns", ".ico", ".jxl", ".jxr", ".pcx", ".psb",
    ".psd", ".qoi", ".svg", ".svgz", ".tga", ".wdp", ".wmf", ".xbm", ".xcf", ".xpm",
}  # fmt: skip


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes of the formats that can be read, in lower case, with their dots."""
    formats = (*READABLE, "MPO")
    known = {s for s, name in Image.registered_extensions().items() if name in formats}
    return frozenset(known | HEIF_SUFFIXES if find_spec("pillow_heif") else known - HEIF_SUFFIXES)


def is_unreadable(suffix: str) -> bool:
    """Tell whether files with a suffix are pictures in a format that cannot be read."""
    suffix = suffix.lower()
    return suffix in _UNREADABLE | HEIF_SUFFIXES and suffix not in image_suffixes()


def passed_over(where: str | os.PathLike[str], suffixes: Mapping[str, int]) -> str:
    """Say in one line which pictures were passed over.

    Args:
        where: The folder that they are in.
        suffixes: How many there are of each suffix.

    Returns:
        A line such as "photos: passed over 12 pictures that cannot be read (10 .psd, 2 .jxl)".
    """
    count = sum(suffixes.values())
    listed = ", ".join(f"{n} {s}" for s, n in sorted(suffixes.items(), key=lambda x: (-x[1], x[0])))
    line = f"{where}: passed over {count} {'picture' if count == 1 else 'pictures'} "
    line += f"that cannot be read ({listed})"
    return f"{line}; install pillow-heif for HEIC" if HEIF_SUFFIXES & suffixes.keys() else line


def find_images(
    folder: str | os.PathLike[str], report: Callable[[str], object] = _log.warning
) -> list[Path]:
    """List the files below a folder whose suffix is that of a readable image format.

    Hidden files and folders are skipped. Links to folders are followed, but each real folder is
    visited once.

    Args:
        folder: The folder to search.
        report: Is called with one line where pictures in formats that cannot be read were passed
            over. By default the line is logged as a warning.

    Returns:
        The files, sorted. They begin with `folder` as it is given.

    Raises:
        ImageError: A folder is missing or cannot be listed.
    """

    def refuse(error: OSError) -> None:
        advice = why_missing(error.filename) or "name a folder you may read"
        fault = f"cannot be listed ({error.strerror}); {advice}"
        raise ImageError(f"{error.filename}: {fault}") from error

    found: list[Path] = []
    others: Counter[str] = Counter()
    visited = set()
    for parent, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in files:
            suffix = Path(name).suffix.lower()
            if name[0] == ".":
                continue
            if suffix in image_suffixes():
                found.append(Path(parent, name))
            elif is_unreadable(suffix):
                others[suffix] += 1
    if others:
        report(passed_over(folder, others))
    return sorted(found)


def why_missing(path: str | os.PathLike[str]) -> str | None:
    """Tell what a name that no file has was meant to be.

    Args:
        path: A name as the user wrote it.

    Returns:
        What to do about a web address, a `~` or a pattern that no shell expanded. None for
        any other name.
    """
    name = os.fspath(path)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/", name):
        return "this is a web address: download the file first"
    if name.startswith("~"):
        return "the shell expands ~ only outside quotes: write the whole path"
    if re.search(r"[*?\[]", name):
        return "no file matches this pattern: check it, and leave it outside quotes"
    return None
