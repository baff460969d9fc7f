"""What is written: a folder or WebDataset tar files, as two classes with one interface."""

import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Protocol

from styletransfer.dataset.choice import in_shard
from styletransfer.dataset.destination import Destination
from styletransfer.dataset.journal import Journal
from styletransfer.dataset.plan import Target, Task
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import Entry, Records, failure_line
from styletransfer.dataset.settings import sha256
from styletransfer.dataset.sink import FolderSink, Sink
from styletransfer.dataset.sources import Shard, Source, expand
from styletransfer.dataset.stages import entry
from styletransfer.dataset.tar_sink import TarSink
from styletransfer.images import ImageError, read_size

Pipe = Callable[[Iterator[Task], Sink], None]
Contents = Iterator[tuple[Entry, str | None]]


class Layout(Protocol):
    """How the outputs lie in the destination, and how what is missing there is found and done.

    A portion is a part of the work that can be sent to another process.
    """

    destination: Destination

    def everything(self) -> Iterator[tuple[str, Task]]:
        """Yield the tasks of all shards, each with the key of its sample."""

    def due(self, shard: Shard) -> Iterator[Task]:
        """Yield the tasks of a shard that a run goes through."""

    def portions(
        self, shard: Shard, journal: Journal, progress: Progress, size: int | None = None
    ) -> Iterator[Any]:
        """Yield what is missing of a shard in portions, of `size` files if files are written."""

    def write(self, portion: Any, journal: Journal, progress: Progress, pipe: Pipe) -> None:
        """Do one portion with `pipe`. Raises DestinationError."""

    def forget_failures(self, shard: Shard) -> None:
        """Make what failed before missing, before the failures are removed from the record."""

    def contents(self, records: Records) -> Contents:
        """Read all outputs. Yield each entry and the SHA-256 found; None if there is no output."""


class FolderLayout:
    """Outputs are files in the tree of a folder."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.destination = Destination(folder)
        self._source = source

    def everything(self) -> Iterator[tuple[str, Task]]:
        """Yield the tasks of all shards, each a sample by itself."""
        return ((task.source, task) for task in self._source.tasks())

    def due(self, shard: Shard) -> Iterator[Task]:
        """Yield all tasks of a shard."""
        return self._source.tasks(shard)

    def portions(
        self, shard: Shard, journal: Journal, progress: Progress, size: int | None = None
    ) -> Iterator[Iterable[Task]]:
        """Yield the tasks with missing outputs: `size` of them at a time, or all of them lazily."""
        tasks = self._missing(shard, journal, progress)
        if size is None:
            yield tasks
            return
        while portion := tuple(islice(tasks, size)):
            yield portion

    def write(
        self, portion: Iterable[Task], journal: Journal, progress: Progress, pipe: Pipe
    ) -> None:
        """Write the files of a portion, but for those that are there: a process may have died."""
        left = (replace(task, targets=tuple(self._absent(task))) for task in portion)
        pipe((task for task in left if task.targets), FolderSink(self.destination, journal))

    def forget_failures(self, shard: Shard) -> None:
        """Do nothing: a failed file has no output."""

    def contents(self, records: Records) -> Contents:
        """Read all outputs."""
        for found in records.entries():
            try:
                with self.destination.path(found.output).open("rb") as file:
                    yield found, sha256(file)
            except OSError:
                yield found, None

    def _absent(self, task: Task) -> list[Target]:
        path = self.destination.path
        return [target for target in task.targets if not os.path.lexists(path(target.output))]

    def _missing(self, shard: Shard, journal: Journal, progress: Progress) -> Iterator[Task]:
        """Yield each task with its missing targets. Count and note the tasks without any.

        A source that failed before is not tried again. An output that no record knows is kept,
        and read for the manifest: someone has deleted the records.
        """
        records = self.destination.records()
        for task in self._source.tasks(shard):
            failure = records.failure(task.source)
            if task.problem:
                if failure != task.problem:
                    journal.append(failure_line(task.source, task.problem))
                progress.failed(task.source, task.problem)
                continue
            if not task.targets:
                progress.note(task.source, task.note or "")
                continue
            absent = self._absent(task)
            for target in task.targets:
                if target not in absent and records.entry(target.output) is None:
                    self._adopt(task, target, journal)
            if absent and failure is not None:
                progress.failed_before()
            elif absent:
                yield replace(task, targets=tuple(absent))
            else:
                progress.found()

    def _adopt(self, task: Task, target: Target, journal: Journal) -> None:
        path, spare = self.destination.path(target.output), journal.scratch / "adopted"
        sizes: tuple[int, ...] = ()
        if target.style is not None:
            try:
                sizes = (*read_size(path), *read_size(self._source.file(task, spare)))
            except ImageError as error:
                reason = f"{error}; delete it to have it made again"
                journal.append(failure_line(task.source, reason))
                return
            finally:
                spare.unlink(missing_ok=True)
        journal.append(entry(task, target, path.read_bytes(), sizes).line())


class TarLayout:
    """Outputs are members of tar files in one folder; their paths begin with the file's name."""

    def __init__(self, tars: list[Path], source: Source) -> None:
        self.destination = Destination(tars[0].parent, [path.name for path in tars])
        self._source = source
        self._paths = tars

    def everything(self) -> Iterator[tuple[str, Task]]:
        """Yield the tasks of all shards, each with the key of its sample."""
        return (pair for number in range(len(self._paths)) for pair in self._samples(number))

    def due(self, shard: Shard) -> Iterator[Task]:
        """Yield the tasks of the tar files of a shard that are missing."""
        return (task for number in self._missing(shard) for _, task in self._samples(number))

    def portions(
        self, shard: Shard, journal: Journal, progress: Progress, size: int | None = None
    ) -> Iterator[int]:
        """Yield the numbers of the missing tar files of a shard, whatever the size."""
        yield from self._missing(shard)

    def write(self, portion: int, journal: Journal, progress: Progress, pipe: Pipe) -> None:
        """Write the tar file of that number."""
        sink = TarSink(self._paths[portion], journal)
        try:
            pipe(sink.watched(self._samples(portion), progress), sink)
            sink.close()
        finally:
            sink.abandon()

    def forget_failures(self, shard: Shard) -> None:
        """Remove each tar file of a shard that lacks a sample."""
        records = self.destination.records()
        for number, path in enumerate(self._paths):
            if path.exists() and in_shard(path.name, shard):
                sources = (task.source for _, task in self._samples(number))
                if any(records.failure(source) is not None for source in sources):
                    path.unlink()

    def contents(self, records: Records) -> Contents:
        """Read all outputs."""
        for path, entries in groupby(records.entries(), lambda e: self.destination.path(e.output)):
            hashes: dict[str, str] = {}
            try:
                with tarfile.open(path) as tar:
                    for member in tar:
                        if (file := tar.extractfile(member)) is not None:
                            hashes[f"{path.name}/{member.name}"] = sha256(file)
            except (tarfile.TarError, OSError, EOFError):
                pass  # what could not be read is missing
            for found in entries:
                yield found, hashes.get(found.output)

    def _missing(self, shard: Shard) -> list[int]:
        tars = enumerate(self._paths)
        return [n for n, path in tars if in_shard(path.name, shard) and not path.exists()]

    def _samples(self, number: int) -> Iterator[tuple[str, Task]]:
        name = self._paths[number].name
        for key, task in self._source.samples(number, len(self._paths)):
            inside = (replace(target, output=f"{name}/{target.output}") for target in task.targets)
            yield key, replace(task, targets=tuple(inside))


def open_layout(text: str, source: Source) -> Layout:
    """Return the layout of the destination that `text` names. Raises DataSetError."""
    tars = expand(text)
    return FolderLayout(Path(text), source) if tars is None else TarLayout(tars, source)
