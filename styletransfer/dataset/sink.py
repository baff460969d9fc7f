"""Giving finished files their final names in a folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from styletransfer.dataset.destination import Destination
from styletransfer.dataset.journal import Journal
from styletransfer.dataset.plan import FileTask
from styletransfer.dataset.records import Entry, failure_line


@dataclass(frozen=True)
class Finished:
    """A file with its final content under a temporary name, and its row of the manifest."""

    path: Path
    entry: Entry


class Sink(Protocol):
    """Takes finished files. Many threads call it, once for each task."""

    def accept(self, task: FileTask, files: list[Finished]) -> None:
        """Take all files of a task.

        Raises:
            OSError: They cannot be written.
        """

    def refuse(self, task: FileTask, reason: str) -> None:
        """Record that a task failed.

        Raises:
            OSError: It cannot be written.
        """


class FolderSink:
    """Gives files their final names in a folder, after their lines are in the journal."""

    def __init__(self, destination: Destination, journal: Journal) -> None:
        self._destination = destination
        self._journal = journal

    def accept(self, task: FileTask, files: list[Finished]) -> None:
        """Give the files of a task their final names when they and their lines are on the disk."""
        for file in files:
            sync(file.path)
        self._journal.append(*(file.entry.line() for file in files))
        for file in files:
            self._destination.files.publish(file.path, file.entry.output)

    def refuse(self, task: FileTask, reason: str) -> None:
        """Write a failure to the journal."""
        self._journal.append(failure_line(task.source, reason))


def sync(path: Path) -> None:
    """Wait until a file is on the disk.

    Raises:
        OSError: It cannot be written.
    """
    with path.open("r+b") as file:  # Windows syncs no file that is open for reading alone
        os.fsync(file.fileno())
