"""Write one tar file in the order of its samples, though they finish in another order."""

import tarfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from styletransfer.dataset.destination import Destination
from styletransfer.dataset.journal import Journal
from styletransfer.dataset.plan import FileTask
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import failure_line
from styletransfer.dataset.sink import Finished, sync
from styletransfer.dataset.tars import packing


@dataclass
class _Sample:
    key: str
    due: int = 0  # tasks that have neither been accepted nor refused
    failed: bool = False
    files: list[Finished] = field(default_factory=list)


class TarSink:
    """One tar file. It gets its final name when all its samples are written or have failed.

    A tar file without a member is not kept.

    If a part of a sample failed, the whole sample is left out: labels without an image are useless.
    """

    def __init__(self, name: str, destination: Destination, journal: Journal) -> None:
        self._name, self._destination = name, destination
        self._journal = journal
        self._path = journal.scratch / name
        self._stack = ExitStack()
        file = self._stack.enter_context(packing(self._path))
        self._tar = self._stack.enter_context(
            tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)
        )
        self._empty = True
        self._samples: deque[_Sample] = deque()
        self._of_job: dict[str, _Sample] = {}
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def watched(
        self, samples: Iterable[tuple[str, FileTask]], progress: Progress
    ) -> Iterator[FileTask]:
        """Yield the tasks of the samples. The members of the tar file get the same order."""
        for key, task in samples:
            with self._lock:
                if not self._samples or self._samples[-1].key != key:
                    self._samples.append(_Sample(key))
                self._samples[-1].due += 1
                self._of_job[task.source] = self._samples[-1]
                self._write_finished()
            progress.unread(task.unread)
            if task.problem:
                self.refuse(task, task.problem)
                progress.failed(task.source, task.problem)
            elif not task.targets:
                self.accept(task, [])
                progress.note(task.source, task.note)
            else:
                yield task

    def accept(self, task: FileTask, files: list[Finished]) -> None:
        """Take the files of a task, to be written when its sample is next."""
        with self._lock:
            sample = self._of_job.pop(task.source)
            sample.due -= 1
            sample.files += files
            self._write_finished()

    def refuse(self, task: FileTask, reason: str) -> None:
        """Leave out the sample of a task."""
        with self._lock:
            sample = self._of_job.pop(task.source)
            sample.due -= 1
            sample.failed = True
            self._lines.append(failure_line(task.source, reason))
            self._write_finished()

    def close(self) -> None:
        """End the tar file and give it its name when it and its lines are on the disk."""
        with self._lock:
            self._write_finished(last=True)
        self._stack.close()
        sync(self._path)
        self._journal.append(*self._lines)
        if not self._empty:
            self._destination.files.publish(self._path, self._name)

    def abandon(self) -> None:
        """Remove an unfinished tar file. Does nothing after `close`."""
        with suppress(OSError):  # a full disk may be why it is abandoned
            self._stack.close()
        self._path.unlink(missing_ok=True)

    def _write_finished(self, last: bool = False) -> None:
        # The last sample may still get more members.
        while len(self._samples) > (0 if last else 1) and not self._samples[0].due:
            sample = self._samples.popleft()
            for file in sorted(sample.files, key=lambda file: file.entry.output):
                if sample.failed:
                    reason = "is left out, because another file of its sample failed"
                    self._lines.append(failure_line(file.entry.source, reason))
                else:
                    # Without a time and a user, so that equal content gives equal bytes.
                    self._empty = False
                    member = tarfile.TarInfo(file.entry.output.partition("/")[2])
                    member.size = int(file.entry.bytes)
                    with file.path.open("rb") as content:
                        self._tar.addfile(member, content)
                    self._lines.append(file.entry.line())
                file.path.unlink()
