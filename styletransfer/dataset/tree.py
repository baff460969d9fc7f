"""Walk a folder tree of any size, in order of the names, with one folder in memory at a time."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from styletransfer.images import image_suffixes

Kind = Literal["image", "other", "folder", "cycle"]
Identity = tuple[int, int]


@dataclass(frozen=True)
class Found:
    """A file below the source: its path with `/`, and why it cannot be used, if so.

    The kind `folder` is a folder that cannot be listed, `cycle` a link to a folder above it.
    """

    path: str
    kind: Kind
    problem: str | None = None


@dataclass(frozen=True)
class Folder:
    """The files of one folder, in order of the names, and the names of the folders in it."""

    files: tuple[Found, ...]
    folders: tuple[str, ...]


def walk(root: Path) -> Iterator[Folder]:
    """List `root` and the folders below it, each before those inside it.

    Links to folders are followed, unless they lead back to a folder above. Hidden files and
    folders are left out.
    """
    return _walk(root, "", ())


def is_image_name(path: str) -> bool:
    """Tell whether the suffix of a path is that of an image."""
    return suffix_of(path).lower() in image_suffixes()


def suffix_of(path: str) -> str:
    """Return what `PurePosixPath(path).suffix` is, many times faster."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def _walk(root: Path, below: str, above: tuple[Identity, ...]) -> Iterator[Folder]:
    try:
        status = (root / below).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            yield Folder((Found(below, "cycle"),), ())
            return
        with os.scandir(root / below) as entries:
            listed = sorted((e for e in entries if e.name[0] != "."), key=lambda e: e.name)
    except OSError as error:
        reason = f"this folder cannot be listed ({error.strerror})"
        yield Folder((Found(below or ".", "folder", reason),), ())
        return
    prefix = f"{below}/" if below else ""
    folders = tuple(entry.name for entry in listed if entry.is_dir())
    yield Folder(tuple(_found(prefix, e) for e in listed if not e.is_dir()), folders)
    del listed
    for name in folders:
        yield from _walk(root, prefix + name, (*above, identity))


def _found(prefix: str, entry: "os.DirEntry[str]") -> Found:
    path = prefix + entry.name
    kind: Kind = "image" if is_image_name(path) else "other"
    if entry.is_file():
        return Found(path, kind)
    # Opening a named pipe would wait for ever.
    there = Path(entry.path).exists()
    return Found(path, kind, "is no regular file" if there else "is a link to nothing")
