"""What is written: a folder or WebDataset tar files, as two classes with one interface."""

import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, Protocol

from styletransfer.dataset.choice import in_shard
from styletransfer.dataset.destination import Destination
from styletransfer.dataset.journal import Journal
from styletransfer.dataset.plan import FileTask, Target
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import Entry, Records, failure_line, removed_line
from styletransfer.dataset.resume import adopted, is_current
from styletransfer.dataset.settings import sha256
from styletransfer.dataset.sink import FolderSink, Sink
from styletransfer.dataset.sources import Shard, Source
from styletransfer.dataset.storage import local_copy, place
from styletransfer.dataset.tar_sink import TarSink
from styletransfer.dataset.tars import expand, unpacked
from styletransfer.errors import ImageError

Pipe = Callable[[Iterator[FileTask], Sink], None]
Contents = Iterator[tuple[Entry, str | None]]


class Layout(Protocol):
    """How the outputs lie in the destination, and how what is missing there is found and done.

    A portion is a part of the work that can be sent to another process. An output is missing if it
    is not there or its source has changed.
    """

    destination: Destination

    def everything(self) -> Iterator[tuple[str, FileTask]]:
        """Yield the tasks of all shards, each with the key of its sample."""

    def due(self, shard: Shard) -> Iterator[FileTask]:
        """Yield the tasks of a shard that a run goes through."""

    def portions(
        self, shard: Shard, journal: Journal, progress: Progress, size: int | None = None
    ) -> Iterator[Any]:
        """Yield what is missing of a shard in portions, of `size` files if files are written."""

    def write(self, portion: Any, journal: Journal, progress: Progress, pipe: Pipe) -> None:
        """Do one portion with `pipe`.

        Raises:
            DestinationError: No more files can be written.
        """

    def contents(self, records: Records) -> Contents:
        """Read all outputs. Yield each entry and the SHA-256 found; None if there is no output."""


class FolderLayout:
    """Outputs are files in the tree of a folder."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.destination = Destination(folder)
        self._source = source

    def everything(self) -> Iterator[tuple[str, FileTask]]:
        """Yield the tasks of all shards, each a sample by itself."""
        return ((task.source, task) for task in self._source.tasks())

    def due(self, shard: Shard) -> Iterator[FileTask]:
        """Yield all tasks of a shard."""
        return self._source.tasks(shard)

    def portions(
        self, shard: Shard, journal: Journal, progress: Progress, size: int | None = None
    ) -> Iterator[Iterable[FileTask]]:
        """Yield the tasks with missing outputs: `size` of them at a time, or all of them lazily."""
        tasks = self._missing(shard, journal, progress)
        if size is None:
            yield tasks
            return
        while portion := tuple(islice(tasks, size)):
            yield portion

    def write(
        self, portion: Iterable[FileTask], journal: Journal, progress: Progress, pipe: Pipe
    ) -> None:
        """Write the files of a portion, but for those that are there: a process may have died."""
        left = (replace(task, targets=tuple(self._absent(task))) for task in portion)
        pipe((task for task in left if task.targets), FolderSink(self.destination, journal))

    def contents(self, records: Records) -> Contents:
        """Read all outputs."""
        for found in records.entries():
            try:
                with (self.destination.folder / found.output).open("rb") as file:
                    yield found, sha256(file)
            except OSError:
                yield found, None

    def _absent(self, task: FileTask) -> list[Target]:
        present = self.destination.files.present
        return [target for target in task.targets if not present(target.output)]

    def _missing(self, shard: Shard, journal: Journal, progress: Progress) -> Iterator[FileTask]:
        """Yield each task with its missing targets. Count and note the tasks without any.

        A source that failed before is not tried again.
        """
        records = self.destination.records()
        progress.damaged(records.damages)
        for task in self._source.tasks(shard):
            failure = records.failure(task.source)
            progress.unread(task.unread)
            if task.problem:
                if failure != task.problem:
                    journal.append(failure_line(task.source, task.problem))
                progress.failed(task.source, task.problem)
                continue
            if not task.targets:
                progress.note(task.source, task.note)
                continue
            absent = self._absent(task)
            for target in task.targets:
                if target not in absent and not self._is_current(task, target, records, journal):
                    self.destination.files.remove(target.output)  # or a kill would leave the old
                    absent.append(target)
            if absent and failure is not None:
                progress.failed_before()
            elif absent:
                yield replace(task, targets=tuple(absent))
            else:
                progress.found()

    def _is_current(
        self, task: FileTask, target: Target, records: Records, journal: Journal
    ) -> bool:
        """Tell whether an output is that of its source. One without an entry gets one if so."""
        known = records.entry(target.output)
        if known is not None:
            return is_current(task, known, self._source, journal)
        output = journal.scratch / "output"
        try:
            found = local_copy(self.destination.folder / target.output, output)
            journal.append(adopted(task, target, found, self._source, journal).line())
        except (ImageError, OSError):
            return False
        finally:
            output.unlink(missing_ok=True)
        return True


class TarLayout:
    """Outputs are members of tar files in one folder; their paths begin with the file's name."""

    def __init__(self, tars: list[Path], source: Source) -> None:
        self.destination = Destination(tars[0].parent, [path.name for path in tars])
        self._source = source
        self._paths = tars

    def everything(self) -> Iterator[tuple[str, FileTask]]:
        """Yield the tasks of all shards, each with the key of its sample."""
        return (pair for number in range(len(self._paths)) for pair in self._samples(number))

    def due(self, shard: Shard) -> Iterator[FileTask]:
        """Yield the tasks of the tar files of a shard that are not there."""
        files = self.destination.files
        for number, path in enumerate(self._paths):
            if in_shard(path.name, shard) and not files.present(path.name):
                yield from (task for _, task in self._samples(number))

    def portions(
        self, shard: Shard, journal: Journal, progress: Progress, size: int | None = None
    ) -> Iterator[int]:
        """Yield the numbers of the missing tar files of a shard, whatever the size."""
        records = self.destination.records()
        progress.damaged(records.damages)
        for number, path in enumerate(self._paths):
            if in_shard(path.name, shard) and not self._is_current(number, records, journal):
                journal.append(removed_line(path.name))
                self.destination.files.remove(path.name)
                yield number

    def write(self, portion: int, journal: Journal, progress: Progress, pipe: Pipe) -> None:
        """Write the tar file of that number."""
        sink = TarSink(self._paths[portion].name, self.destination, journal)
        try:
            pipe(sink.watched(self._samples(portion), progress), sink)
            sink.close()
        finally:
            sink.abandon()

    def contents(self, records: Records) -> Contents:
        """Read all outputs."""
        for name, entries in groupby(records.entries(), lambda e: self.destination.file(e.output)):
            hashes: dict[str, str] = {}
            try:
                for output, content in self._members(name):
                    hashes[output] = sha256(content)
            except (tarfile.TarError, OSError, EOFError):
                pass  # what could not be read is missing
            for found in entries:
                yield found, hashes.get(found.output)

    def _is_current(self, number: int, records: Records, journal: Journal) -> bool:
        """Tell whether a tar file holds all samples of its sources that have not failed."""
        name = self._paths[number].name
        if not self.destination.files.present(name) and any(records.entries(f"{name}/")):
            return False
        known = {entry.source_version for entry in records.entries(f"{name}/")}
        whole = not records.damages and not records.retried
        if whole and known == {self._source.version(number)}:
            return True
        lost: dict[str, tuple[FileTask, Target]] = {}
        outputs = set()
        for _, sample in groupby(self._samples(number), lambda pair: pair[0]):
            tasks = [task for _, task in sample]
            if any(records.failure(task.source) is not None for task in tasks):
                continue
            for task in tasks:
                if task.problem:
                    return False
                for target in task.targets:
                    outputs.add(target.output)
                    entry = records.entry(target.output)
                    if entry is None:
                        lost[target.output] = task, target
                    elif not is_current(task, entry, self._source, journal):
                        return False
        if any(entry.output not in outputs for entry in records.entries(f"{name}/")):
            return False  # a source is gone
        return not lost or self._adopt(name, lost, journal)

    def _adopt(self, name: str, lost: dict[str, tuple[FileTask, Target]], journal: Journal) -> bool:
        """Write the lost entries of a tar file. Return False if one of the outputs is missing."""
        if not self.destination.files.present(name):
            return False
        spare = journal.scratch / "output"
        try:
            for output, content in self._members(name):
                if output in lost:
                    task, target = lost.pop(output)
                    with spare.open("wb") as file:
                        shutil.copyfileobj(content, file, 1 << 20)
                    journal.append(adopted(task, target, spare, self._source, journal).line())
        except (tarfile.TarError, ImageError, OSError, EOFError):
            return False
        finally:
            spare.unlink(missing_ok=True)
        return not lost

    def _members(self, name: str) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield the path and the content of the outputs in a tar file."""
        file, _ = unpacked(self.destination.folder / name)
        with file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if (content := tar.extractfile(member)) is not None:
                    yield f"{name}/{member.name}", content

    def _samples(self, number: int) -> Iterator[tuple[str, FileTask]]:
        name = self._paths[number].name
        for key, task in self._source.samples(number, len(self._paths)):
            inside = (replace(target, output=f"{name}/{target.output}") for target in task.targets)
            yield key, replace(task, targets=tuple(inside))


def open_layout(text: str, source: Source) -> Layout:
    """Return the layout of the destination that `text` names.

    Raises:
        DataSetError: It names neither a folder nor tar files.
    """
    tars = expand(text)
    return FolderLayout(place(text), source) if tars is None else TarLayout(tars, source)
