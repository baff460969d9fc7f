"""Write one tar file in the order of its samples, though they finish in another order."""

import os
import tarfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from styletransfer.dataset.journal import Journal
from styletransfer.dataset.plan import Task
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import failure_line
from styletransfer.dataset.sink import Finished


@dataclass
class _Sample:
    key: str
    due: int = 0  # tasks that have neither been accepted nor refused
    failed: bool = False
    files: list[Finished] = field(default_factory=list)


class TarSink:
    """One tar file. It gets its final name when all its samples are written or have failed.

    If a part of a sample failed, the whole sample is left out: labels without an image are useless.
    """

    def __init__(self, target: Path, journal: Journal) -> None:
        self._target = target
        self._journal = journal
        self._path = journal.scratch / target.name
        self._tar = tarfile.open(self._path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._samples: deque[_Sample] = deque()
        self._of_job: dict[str, _Sample] = {}
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def watched(self, samples: Iterable[tuple[str, Task]], progress: Progress) -> Iterator[Task]:
        """Yield the tasks of the samples. The members of the tar file get the same order."""
        for key, task in samples:
            with self._lock:
                if not self._samples or self._samples[-1].key != key:
                    self._samples.append(_Sample(key))
                self._samples[-1].due += 1
                self._of_job[task.source] = self._samples[-1]
                self._write_finished()
            if task.problem:
                self.refuse(task, task.problem)
                progress.failed(task.source, task.problem)
            elif not task.targets:
                self.accept(task, [])
                progress.note(task.source, task.note or "")
            else:
                yield task

    def accept(self, task: Task, files: list[Finished]) -> None:
        """Take the files of a task, to be written when its sample is next."""
        with self._lock:
            sample = self._of_job.pop(task.source)
            sample.due -= 1
            sample.files += files
            self._write_finished()

    def refuse(self, task: Task, reason: str) -> None:
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
        self._tar.close()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        self._journal.append(*self._lines)
        self._path.replace(self._target)

    def abandon(self) -> None:
        """Remove an unfinished tar file. Does nothing after `close`."""
        self._tar.close()
        with suppress(FileNotFoundError):
            self._path.unlink()

    def _write_finished(self, last: bool = False) -> None:
        # The last sample may still get more members.
        while len(self._samples) > (0 if last else 1) and not self._samples[0].due:
            sample = self._samples.popleft()
            for file in sorted(sample.files, key=lambda file: file.entry.output):
                if not sample.failed:
                    # Without a time and a user, so that equal content gives equal bytes.
                    member = tarfile.TarInfo(file.entry.output.partition("/")[2])
                    member.size = int(file.entry.bytes)
                    with file.path.open("rb") as content:
                        self._tar.addfile(member, content)
                    self._lines.append(file.entry.line())
                file.path.unlink()
