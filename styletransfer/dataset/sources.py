"""What is read: a folder or WebDataset tar files, as two classes with one interface."""

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import IO, Protocol

from styletransfer.dataset.choice import in_shard
from styletransfer.dataset.grouping import Grouping
from styletransfer.dataset.members import MOST_BYTES, Member, read_members, sample_key
from styletransfer.dataset.plan import FileTask, OutputNames, Planner, output_name
from styletransfer.dataset.records import TAKEN
from styletransfer.dataset.settings import Settings
from styletransfer.dataset.storage import (
    Stamp,
    is_folder,
    is_local,
    local_copy,
    place,
    source_faults,
    stamp,
)
from styletransfer.dataset.tars import check_kind, expand, is_plain, stem, unpacked
from styletransfer.dataset.tree import Folder, is_image_name, unread_suffix, walk
from styletransfer.errors import DataSetError, ImageError

BLOCK = 1 << 20
Shard = tuple[int, int]
ALL: Shard = (1, 1)


class Source(Protocol):
    """The files of a data set and what is written for them."""

    root: Path
    guarded: Path | None  # a folder that must not hold the outputs
    countable: bool  # whether the files can be listed twice at little cost

    def tasks(self, shard: Shard = ALL) -> Iterator[FileTask]:
        """Yield the tasks of a shard, for outputs in a folder. Each call lists the files again."""

    def samples(self, number: int, count: int) -> Iterator[tuple[str, FileTask]]:
        """Yield the tasks for tar file `number` of `count`, each with the key of its sample."""

    def version(self, number: int) -> str | None:
        """Return what changes when a task of tar file `number` changes, None if it is unknown."""

    def holds(self, name: str, size: int) -> bool:
        """Tell whether there is a file of this path, and of this size where that is easily seen."""

    def stamp(self, task: FileTask) -> Stamp:
        """Return what tells that the source of a task has changed.

        Raises:
            ImageError: The source cannot be read.
        """

    def file(self, task: FileTask, spare: Path) -> Path:
        """Return a file with the bytes of a task's source: its own, or `spare`, which is written.

        Raises:
            ImageError: The source cannot be read.
            OSError: `spare` cannot be written.
        """


class FolderSource:
    """A folder. The key of a sample is a path without its suffix."""

    def __init__(self, root: Path, planner: Planner) -> None:
        self.root = root
        self.guarded: Path | None = root
        self.countable = is_local(root)
        self._planner = planner
        self._count = 1

    def tasks(self, shard: Shard = ALL) -> Iterator[FileTask]:
        """Yield the tasks of a shard, one folder after another, in order of the names."""
        for folder in walk(self.root):
            for task in self._in_folder(folder):
                if in_shard(task.source, shard):
                    yield task

    def samples(self, number: int, count: int) -> Iterator[tuple[str, FileTask]]:
        """Yield the tasks for tar file `number` of `count`, each with the key of its sample."""
        self._count = count
        return self._grouping.samples(number)

    def version(self, number: int) -> str | None:
        """Return None: the files of the folder change one by one."""
        return None

    def holds(self, name: str, size: int) -> bool:
        """Tell whether there is a file of this path and size."""
        try:
            return stamp(self.root / name).bytes == size
        except OSError:
            return False

    def stamp(self, task: FileTask) -> Stamp:
        """Return the size and the version of a file."""
        path = self.root / task.source
        with source_faults(path):
            return stamp(path)

    def file(self, task: FileTask, spare: Path) -> Path:
        """Return the path of the source, or of its copy from a store."""
        path = self.root / task.source
        with source_faults(path):
            return local_copy(path, spare)

    @cached_property
    def _grouping(self) -> Grouping:
        return Grouping(self.tasks(), self._count)

    def _in_folder(self, folder: Folder) -> Iterator[FileTask]:
        planner, settings = self._planner, self._planner.settings
        names = OutputNames(folder.folders, () if planner.folders else TAKEN)
        images = [file.path for file in folder.files if file.kind == "image" and not file.problem]
        outputs = {path: output_name(path, settings.format) for path in images}
        # A file whose name needs no change keeps it.
        for path in sorted(images, key=lambda path: outputs[path] != path):
            yield planner.image(path, outputs[path], names)
        for file in folder.files:
            if file.kind == "cycle":
                yield FileTask(file.path, note="leads back to a folder above it; not followed")
            elif file.kind == "other" and not settings.copy_others:
                if unread := unread_suffix(file.path):
                    yield FileTask(file.path, unread=unread)
            elif file.problem:
                yield FileTask(file.path, problem=file.problem)
            elif file.kind == "other":
                task = planner.copy(file.path, file.path, names)
                yield replace(task, unread=unread_suffix(file.path))


class TarSource:
    """Tar files in which members that differ in their field alone are a sample.

    The field of a member is what follows the first dot of its name: `jpg`, `cls`, `seg.png`. Only
    a field that is the suffix of an image and no more is stylized, so that a mask is not.
    """

    def __init__(self, paths: Sequence[Path], planner: Planner) -> None:
        """Check the files.

        Raises:
            DataSetError: A file is missing or not what its suffix says.
        """
        for path in paths:
            if is_local(path):
                if not path.is_file():
                    raise DataSetError(f"{path}: there is no such tar file")
                check_kind(path)
        self.root = paths[0].parent
        self.guarded: Path | None = None
        self.countable = all(map(is_plain, paths))
        self._paths = {path.name: path for path in paths}
        self._planner = planner
        self._lock = threading.Lock()
        self._open: dict[str, tuple[IO[bytes], str, list[Member]]] = {}

    def tasks(self, shard: Shard = ALL) -> Iterator[FileTask]:
        """Yield the tasks of a shard. The outputs of each tar file are in a folder of its name."""
        for name in self._paths:
            for _, task in self._in_tar(name, f"{stem(name)}/"):
                if in_shard(task.source, shard):
                    yield task

    def samples(self, number: int, count: int) -> Iterator[tuple[str, FileTask]]:
        """Yield the tasks for tar file `number` of `count`, each with the key of its sample."""
        if count != len(self._paths):
            counts = f"{len(self._paths)} tar files are read and {count} written"
            raise DataSetError(f"{counts}; give as many")
        return self._in_tar(list(self._paths)[number], "")

    def version(self, number: int) -> str | None:
        """Return the version of tar file `number`."""
        return stamp(list(self._paths.values())[number]).version

    def holds(self, name: str, size: int) -> bool:
        """Tell whether there is a tar file of this name."""
        return name.partition("/")[0] in self._paths

    def stamp(self, task: FileTask) -> Stamp:
        """Return the size of a member and the version of its tar file."""
        size = sum(count for _, count in task.pieces)
        with self._lock, source_faults(self.root / task.source):
            return Stamp(size, self._opened(task.source.partition("/")[0])[1])

    def file(self, task: FileTask, spare: Path) -> Path:
        """Write the bytes of a member to `spare` and return it."""
        with self._lock, spare.open("wb") as file:
            path = self.root / task.source
            with source_faults(path):
                tar, *_ = self._opened(task.source.partition("/")[0])
            for start, count in task.pieces:
                if start is None:
                    file.truncate(file.seek(count, os.SEEK_CUR))
                    continue
                while count:
                    with source_faults(path):
                        tar.seek(start)
                        block = tar.read(min(count, BLOCK))
                    if not block:
                        raise ImageError(f"{path}: is cut short; replace the tar file")
                    file.write(block)
                    start, count = start + len(block), count - len(block)
        return spare

    def _opened(self, name: str) -> tuple[IO[bytes], str, list[Member]]:
        """Return an open tar file, its version and its members. The last two stay open."""
        if name not in self._open:
            path = self._paths[name]
            version = stamp(path).version
            file, fault = unpacked(path)
            members = [*read_members(file, file.seek(0, os.SEEK_END))]
            if fault:
                members.append(Member("", problem=fault))
            self._open[name] = file, version, members
            if len(self._open) > 2:
                self._open.pop(next(iter(self._open)))[0].close()
        return self._open[name]

    def _in_tar(self, tar: str, below: str) -> Iterator[tuple[str, FileTask]]:
        names = OutputNames()
        try:
            with self._lock:
                members = self._opened(tar)[2]
        except OSError as error:
            members = [Member("", problem=f"cannot be read ({error.strerror or error})")]
        for member in members:
            source = f"{tar}/{member.name}".rstrip("/")
            if member.problem:
                task = FileTask(source, problem=member.problem)
            else:
                task = self._task(source, below, member, names)
            yield sample_key(member.name), task

    def _task(self, source: str, below: str, member: Member, names: OutputNames) -> FileTask:
        name, note = member.name, member.note
        field = name.rpartition("/")[2].partition(".")[2]
        if not is_image_name(f"x.{field}") or "." in field:
            task = self._planner.copy(source, below + name, names)
            if is_image_name(name):
                note = f"is copied and not stylized, as its field is {field}"
        elif member.size > MOST_BYTES:
            task = FileTask(source, problem=f"is an image file of more than {MOST_BYTES >> 30} GB")
        else:
            output = output_name(name, self._planner.settings.format)
            task = self._planner.image(source, below + output, names)
        note, unread = task.note or note, unread_suffix(name)
        return replace(task, pieces=member.pieces, note=note, unread=unread)


def open_source(text: str, settings: Settings, styles: Sequence[str]) -> Source:
    """Return the source that `text` names.

    Args:
        text: A folder, a tar file, or a pattern of tar files.
        settings: The options of the run.
        styles: Names of the styles of the model.

    Raises:
        DataSetError: There is no such source, or the options do not fit the model.
        StyleError: The model has no such style.
    """
    planner = Planner(settings, styles)
    tars = expand(text)
    if tars is not None:
        return TarSource(tars, planner)
    folder = place(text)
    if not is_folder(folder):
        raise DataSetError(f"{folder}: there is no such folder")
    return FolderSource(folder, planner)
