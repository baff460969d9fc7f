"""What one process has done, line by line, so that a kill at any moment loses nothing.

The line of a file is on the disk before the file has its name. So a file never lacks its line. If a
line has no file, or the last line is cut short, the file is made again. Every process writes its
own journal and holds a lock while it lives.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

SUFFIX = ".journal"
LOCK = ".lock"


class Journal:
    """An open journal in the folder `work`. Any number of threads may write to it."""

    def __init__(self, work: Path) -> None:
        """Make a journal, and beside it `scratch`, a folder for unfinished files of this process.

        Raises:
            OSError: They cannot be made.
        """
        while True:
            name = f"{time.time_ns():020d}-{os.urandom(4).hex()}"  # sorts by time
            work.mkdir(exist_ok=True)
            lock = work / (name + LOCK)
            with suppress(FileNotFoundError):  # another process may remove the folder as finished
                self._process = FileLock(lock)
                self._process.acquire()
                if lock.exists():  # or it was taken for that of a dead process before it was held
                    self.path = work / (name + SUFFIX)
                    self._file = self.path.open("xb", buffering=0)
                    break
        self.scratch = work / name
        self.scratch.mkdir()
        self._lock, self._sync_lock = threading.Lock(), threading.Lock()
        self._written = self._synced = 0

    def append(self, *lines: Mapping[str, Any]) -> None:
        """Write lines to the disk.

        Raises:
            OSError: They cannot be written.
        """
        text = "".join(json.dumps(line) + "\n" for line in lines).encode()
        with self._lock:
            self._file.write(text)
            self._written += 1
            mine = self._written
        with self._sync_lock:  # one thread syncs for all that wait here
            if self._synced < mine:
                upto = self._written
                os.fsync(self._file.fileno())
                self._synced = upto

    def close(self) -> None:
        """End the journal. It may then be merged and removed."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._file.close()
        self._process.release()


def read_lines(path: Path) -> Iterator[Any]:
    """Yield the lines of a journal, None for a damaged one.

    A last line that is cut short, by a kill or a power cut, is left out.
    """
    with path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                if line.endswith(b"\n"):
                    yield None


def lock_dead(path: Path) -> FileLock | None:
    """Acquire the lock `path` of a process that has ended. Return None if it still lives."""
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock


def remove_dead(path: Path, lock: FileLock) -> None:
    """Remove the lock `path` of a process that has ended, its journal and its scratch folder."""
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)
    path.with_suffix(SUFFIX).unlink(missing_ok=True)
    with suppress(PermissionError):  # Windows removes no open file
        path.unlink(missing_ok=True)
    lock.release()
    path.unlink(missing_ok=True)
