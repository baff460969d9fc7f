"""Folders on this machine and in stores such as `s3://`, with one interface."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

from styletransfer.errors import DataSetError, ImageError

WEB = ("http://", "https://")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_VERSIONS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")


class Stamp(NamedTuple):
    """What tells that a file has changed: its size, and its time in ns or the tag of its store."""

    bytes: int
    version: str


class Listed(NamedTuple):
    """An entry of a folder. `problem` says why it is neither a folder nor a regular file."""

    name: str
    folder: bool
    problem: str | None = None


def place(text: str) -> Path:
    """Return the path that `text` names, which may be a URL of a store.

    The path of a store is no `pathlib.Path`, but has the methods that are used here.

    Raises:
        DataSetError: The store is unknown, or what it needs is not installed.
    """
    if "://" not in text:
        return Path(text)
    try:
        from upath import UPath

        path = UPath(text)
        path.fs  # noqa: B018  # imports what the store needs
    except (ImportError, ValueError) as error:
        raise DataSetError(f"{text}: {error}; the extra cloud brings what stores need") from None
    return cast(Path, path)


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder.

    Raises:
        DataSetError: The store cannot be reached.
    """
    if is_local(path):
        return path.is_dir()
    try:
        with reached(path) as store:
            return bool(store.isdir(path.path))  # type: ignore[attr-defined]
    except OSError as error:
        raise DataSetError(f"{path}: cannot be reached ({error.strerror or error})") from None


def is_local(path: Path) -> bool:
    """Tell whether a path is on this machine."""
    return isinstance(path, Path)


@contextmanager
def reached(path: Path) -> Iterator[Any]:
    """Give the file system of a path in a store. All that its client raises becomes OSError."""
    try:
        yield path.fs  # type: ignore[attr-defined]
    except OSError:
        raise
    except Exception as error:  # the clients of the stores share no class of errors
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise OSError(errno.EIO, reason, str(path)) from error


@contextmanager
def source_faults(path: Path) -> Iterator[None]:
    """Raise ImageError for an OSError of a source: it is the failure of one file."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:  # no fault of a file that is read
            raise
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from error


def stamp(path: Path) -> Stamp:
    """Return the stamp of a file.

    Raises:
        OSError: The file cannot be read.
    """
    if is_local(path):
        status = path.stat()
        return Stamp(status.st_size, str(status.st_mtime_ns))
    with reached(path) as store:
        info = store.info(path.path)  # type: ignore[attr-defined]
    version = next((str(info[key]) for key in _VERSIONS if info.get(key)), "")
    return Stamp(int(info.get("size") or 0), version)


def listed(folder: Path) -> list[Listed]:
    """Return what a folder holds, sorted by the names, without hidden entries.

    Raises:
        OSError: The folder cannot be listed.
    """
    if not is_local(folder):
        with reached(folder) as store:
            details = store.ls(folder.path, detail=True)  # type: ignore[attr-defined]
        names = ((d["name"].rstrip("/").rpartition("/")[2], d["type"]) for d in details)
        return sorted(Listed(n, kind == "directory") for n, kind in names if n and n[0] != ".")
    with os.scandir(folder) as entries:
        return sorted(_entry(entry) for entry in entries if entry.name[0] != ".")


def _entry(entry: "os.DirEntry[str]") -> Listed:
    try:
        if entry.is_dir():
            return Listed(entry.name, True)
        if entry.is_file():
            return Listed(entry.name, False)
        # Opening a named pipe would wait for ever.
        problem = "is no regular file" if Path(entry.path).exists() else "is a link to nothing"
    except OSError as error:
        problem = f"cannot be followed ({error.strerror})"
    return Listed(entry.name, False, problem)


class OutputFolder:
    """The outputs below a folder. Each is complete when it has its name."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def present(self, name: str) -> bool:
        """Tell whether there is an output, be it a link to nothing."""
        return os.path.lexists(self.root / name)

    def publish(self, file: Path, name: str) -> None:
        """Move a finished file to the output `name`.

        Raises:
            OSError: The output cannot be written.
        """
        target = self.root / name
        try:
            file.replace(target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)

    def remove(self, name: str) -> None:
        """Remove an output, if there is one."""
        (self.root / name).unlink(missing_ok=True)

    def refresh(self) -> None:
        """Forget what is known of the outputs: other processes have written some."""

    def names(self) -> Iterator[str]:
        """Yield all files below the folder, hidden ones too."""
        for parent, _, files in os.walk(self.root):
            below = Path(parent).relative_to(self.root)
            yield from ((below / name).as_posix() for name in sorted(files))


class OutputStore(OutputFolder):
    """The outputs in a store. Their names are listed once: asking for each takes too long."""

    def present(self, name: str) -> bool:
        """Tell whether there is an output."""
        return name in self._names

    def publish(self, file: Path, name: str) -> None:
        """Upload a finished file to the output `name`."""
        target: Any = self.root / name
        with reached(target) as store:
            store.makedirs(target.parent.path, exist_ok=True)
            store.put_file(file, target.path)
        file.unlink()
        self._names.add(name)

    def remove(self, name: str) -> None:
        """Remove an output, if there is one."""
        if self.present(name):
            with reached(self.root) as store:
                store.rm_file((self.root / name).path)  # type: ignore[attr-defined]
            self._names.discard(name)

    def refresh(self) -> None:
        """Forget which outputs there are, because other processes have written some."""
        self.__dict__.pop("_names", None)

    def names(self) -> Iterator[str]:
        """Yield all files below the folder."""
        return iter(sorted(self._names))

    @cached_property
    def _names(self) -> set[str]:
        root: Any = self.root
        prefix = root.path.rstrip("/") + "/"
        with reached(root) as store:
            store.invalidate_cache()
            return {path.removeprefix(prefix) for path in store.find(root.path)}


def local_copy(path: Path, spare: Path) -> Path:
    """Return a path itself if it is local, else `spare`, to which it is copied.

    Raises:
        OSError: The path cannot be read, or `spare` not written.
    """
    if is_local(path):
        return path
    with reached(path) as store:
        store.get_file(path.path, spare)  # type: ignore[attr-defined]
    return spare
