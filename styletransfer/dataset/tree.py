"""Walk a folder tree of any size, in order of the names, with one folder in memory at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from styletransfer.dataset.storage import is_local, listed
from styletransfer.images import image_suffixes
from styletransfer.images.find import is_unreadable

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


def unread_suffix(path: str) -> str | None:
    """Return the suffix of a picture in a format that cannot be read, None for any other file."""
    suffix = suffix_of(path).lower()
    return suffix if is_unreadable(suffix) else None


def suffix_of(path: str) -> str:
    """Return what `PurePosixPath(path).suffix` is, many times faster."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def _walk(root: Path, below: str, above: tuple[Identity, ...]) -> Iterator[Folder]:
    identity: Identity = (0, 0)
    try:
        if is_local(root):
            status = (root / below).stat()
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                yield Folder((Found(below, "cycle"),), ())
                return
        entries = listed(root / below)
    except OSError as error:
        reason = f"this folder cannot be listed ({error.strerror or error})"
        yield Folder((Found(below or ".", "folder", reason),), ())
        return
    prefix = f"{below}/" if below else ""
    folders = tuple(entry.name for entry in entries if entry.folder)
    files = (entry for entry in entries if not entry.folder)
    yield Folder(tuple(_found(prefix + file.name, file.problem) for file in files), folders)
    del entries
    for name in folders:
        yield from _walk(root, prefix + name, (*above, identity))


def _found(path: str, problem: str | None) -> Found:
    return Found(path, "image" if is_image_name(path) else "other", problem)
