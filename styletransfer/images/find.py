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

# Not all that Pillow opens: its EPS reader runs a program, and its TGA reader accepts any bytes.
# "JPEG" includes MPO, which many phones write with the suffix .jpg.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM", "HEIF")
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})  # read with the package pillow-heif
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc",
    ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl",
    ".sr2", ".srf", ".srw", ".x3f",
})  # fmt: skip
# Formats of pictures that cannot be read.
_UNREADABLE = RAW_SUFFIXES | {
    ".dds", ".eps", ".exr", ".fits", ".hdr", ".icns", ".ico", ".jxl", ".jxr", ".pcx", ".psb",
    ".psd", ".qoi", ".svg", ".svgz", ".tga", ".wdp", ".wmf", ".xbm", ".xcf", ".xpm",
}  # fmt: skip


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes of readable formats, such as ".png", in lower case."""
    formats = (*READABLE, "MPO")
    known = {s for s, name in Image.registered_extensions().items() if name in formats}
    return frozenset(known | HEIF_SUFFIXES if find_spec("pillow_heif") else known - HEIF_SUFFIXES)


def is_unreadable(suffix: str) -> bool:
    """Tell whether a suffix is that of a picture in a format that cannot be read."""
    suffix = suffix.lower()
    return suffix in _UNREADABLE | HEIF_SUFFIXES and suffix not in image_suffixes()


def passed_over(where: str | os.PathLike[str], suffixes: Mapping[str, int]) -> str:
    """Describe in one line the pictures that were passed over.

    Args:
        where: Their folder.
        suffixes: Number of pictures of each suffix.

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
        report: Called with one line if pictures in unreadable formats were passed over. By default
            the line is logged as a warning.

    Returns:
        The files, sorted. Each path begins with `folder`.

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
    """Guess why the user gave a name that no file has.

    Args:
        path: The name as the user wrote it.

    Returns:
        Advice if the name is a web address, or has a `~` or a pattern that the shell did not
        expand. None for any other name.
    """
    name = os.fspath(path)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/", name):
        return "this is a web address: download the file first"
    if name.startswith("~"):
        return "the shell expands ~ only outside quotes: write the whole path"
    if re.search(r"[*?\[]", name):
        return "no file matches this pattern: check it, and leave it outside quotes"
    return None
