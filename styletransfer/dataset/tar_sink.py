"""Writing one tar file, in the order of its samples, whatever the order they are finished in."""

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
from styletransfer.dataset.plan import Job
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import failure_line
from styletransfer.dataset.sink import Finished


@dataclass
class _Sample:
    key: str
    due: int = 0  # jobs that have neither been accepted nor refused
    failed: bool = False
    files: list[Finished] = field(default_factory=list)


class TarSink:
    """One tar file. It has its final name when all its samples have been written or refused.

    A sample of which any part failed is left out: its labels without its image would be of no use.
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

    def watched(self, samples: Iterable[tuple[str, Job]], progress: Progress) -> Iterator[Job]:
        """Yield the jobs of the samples, whose order is that of the members of the tar file."""
        for key, job in samples:
            with self._lock:
                if not self._samples or self._samples[-1].key != key:
                    self._samples.append(_Sample(key))
                self._samples[-1].due += 1
                self._of_job[job.source] = self._samples[-1]
                self._write_finished()
            if job.problem:
                self.refuse(job, job.problem)
                progress.failed(job.source, job.problem)
            elif not job.targets:
                self.accept(job, [])
                progress.note(job.source, job.note or "")
            else:
                yield job

    def accept(self, job: Job, files: list[Finished]) -> None:
        """Take over the files of a job, for when it is the turn of its sample."""
        with self._lock:
            sample = self._of_job.pop(job.source)
            sample.due -= 1
            sample.files += files
            self._write_finished()

    def refuse(self, job: Job, reason: str) -> None:
        """Leave the sample of a job out."""
        with self._lock:
            sample = self._of_job.pop(job.source)
            sample.due -= 1
            sample.failed = True
            self._lines.append(failure_line(job.source, reason))
            self._write_finished()

    def close(self) -> None:
        """End the tar file and give it its name, once it and its lines are on the disk."""
        with self._lock:
            self._write_finished(last=True)
        self._tar.close()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        self._journal.append(*self._lines)
        self._path.replace(self._target)

    def abandon(self) -> None:
        """Drop what is written; does nothing after `close`."""
        self._tar.close()
        with suppress(FileNotFoundError):
            self._path.unlink()

    def _write_finished(self, last: bool = False) -> None:
        # The last sample may still get more members.
        while len(self._samples) > (0 if last else 1) and not self._samples[0].due:
            sample = self._samples.popleft()
            for file in sorted(sample.files, key=lambda file: file.entry.output):
                if not sample.failed:
                    # Without the time of day and the user, so that equal content is equal bytes.
                    member = tarfile.TarInfo(file.entry.output.partition("/")[2])
                    member.size = int(file.entry.bytes)
                    with file.path.open("rb") as content:
                        self._tar.addfile(member, content)
                    self._lines.append(file.entry.line())
                file.path.unlink()
