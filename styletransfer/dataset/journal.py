"""What one process has done, line by line, so that a kill at any moment loses nothing.

The line of a file is on the disk before the file has its name. So a file never lacks its line. If a
line has no file, or the last line is cut short, the file is made again. Every process writes its
own journal and locks it while it lives.
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

SUFFIX = ".journal"


class Journal:
    """An open journal in the folder `work`. Any number of threads may write to it."""

    def __init__(self, work: Path) -> None:
        """Make a journal, and beside it `scratch`, a folder for unfinished files of this process.

        Raises OSError where they cannot be made.
        """
        while True:
            name = f"{time.time_ns():020d}-{os.urandom(4).hex()}"  # sorts by time
            work.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):  # another process may remove the folder as finished
                self.path = work / (name + SUFFIX)
                self._file = self.path.open("xb", buffering=0)
                fcntl.flock(self._file, fcntl.LOCK_EX)
                # Another process may have removed it before it was locked.
                if self.path.exists():
                    break
        self.scratch = work / name
        self.scratch.mkdir()
        self._lock, self._sync_lock = threading.Lock(), threading.Lock()
        self._written = self._synced = 0

    def append(self, *lines: Mapping[str, Any]) -> None:
        """Write lines to the disk. Raises OSError."""
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
        for left in self.scratch.iterdir():
            left.unlink()
        self.scratch.rmdir()
        self._file.close()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a journal. A line cut short by a kill or a power cut is left out."""
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                yield json.loads(line)


def lock_dead(path: Path) -> IO[bytes] | None:
    """Open and lock the journal of a process that has ended. Return None if it still lives."""
    file = path.open("rb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
