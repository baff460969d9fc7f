"""Giving finished files their final names in a folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from styletransfer.dataset.destination import Destination
from styletransfer.dataset.journal import Journal
from styletransfer.dataset.plan import Job
from styletransfer.dataset.records import Entry, failure_line


@dataclass(frozen=True)
class Finished:
    """A file of its final content under a name of its own, and what the manifest will say."""

    path: Path
    entry: Entry


class Sink(Protocol):
    """Where finished files go; called from many threads, once for each job."""

    def accept(self, job: Job, files: list[Finished]) -> None:
        """Take over all files of a job. Raises OSError."""

    def refuse(self, job: Job, reason: str) -> None:
        """Note that a job could not be done. Raises OSError."""


class FolderSink:
    """A tree of files. A job's line is in the journal before its files have their names."""

    def __init__(self, destination: Destination, journal: Journal) -> None:
        self._destination = destination
        self._journal = journal

    def accept(self, job: Job, files: list[Finished]) -> None:
        """Give the files of a job their final names, once they and their lines are on the disk."""
        for file in files:
            with file.path.open("rb") as content:
                os.fsync(content.fileno())
        self._journal.append(*(file.entry.line() for file in files))
        for file in files:
            target = self._destination.path(file.entry.output)
            try:
                file.path.replace(target)
            except FileNotFoundError:
                target.parent.mkdir(parents=True, exist_ok=True)
                file.path.replace(target)

    def refuse(self, job: Job, reason: str) -> None:
        """Write a failure to the journal."""
        self._journal.append(failure_line(job.source, reason))
