"""Find the image files in a folder."""

import os
from functools import cache
from pathlib import Path

from PIL import Image

from styletransfer.errors import ImageError

# A short list, not all that Pillow opens: some of its readers run programs (EPS) or take any
# bytes for a picture (TGA). JPEG comes with MPO, what many phones write under the name .jpg.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM")


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes of the formats that can be read, in lower case, with their dots."""
    formats = (*READABLE, "MPO")
    return frozenset(s for s, name in Image.registered_extensions().items() if name in formats)


def find_images(folder: str | os.PathLike[str]) -> list[Path]:
    """List the files below a folder whose suffix is that of a readable image format.

    Hidden files and folders are skipped. Links to folders are followed, but each real folder is
    visited once.

    Args:
        folder: The folder to search.

    Returns:
        The files, sorted. They begin with `folder` as it is given.

    Raises:
        ImageError: A folder is missing or cannot be listed.
    """

    def refuse(error: OSError) -> None:
        fault = f"cannot be listed ({error.strerror})"
        raise ImageError(f"{error.filename}: {fault}; name a folder you may read") from error

    found: list[Path] = []
    visited = set()
    for parent, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        names = (name for name in files if name[0] != ".")
        found += (Path(parent, n) for n in names if Path(n).suffix.lower() in image_suffixes())
    return sorted(found)
