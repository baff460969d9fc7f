"""Limits and batches of a pipeline: what is in memory at one time, and what is done together."""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import psutil

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


def picture_bytes() -> int:
    """Return how many bytes the pictures in memory may take: a quarter of the memory.

    That is the memory of the machine or of its container.
    """
    sizes = [psutil.virtual_memory().total]
    with suppress(OSError, ValueError):  # no container, or one without a limit
        sizes.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return int(min(sizes)) // 4


class UnderWay:
    """A limit on the number of files, and of their bytes, in memory at one time."""

    def __init__(self, most_files: int, most_bytes: int) -> None:
        self._most = (most_files, most_bytes)
        self._files = self._bytes = 0
        self._open = True
        self._change = threading.Condition()

    def enter(self, size: int, files: int = 1) -> bool:
        """Wait until files fit in, or are alone. Return False when the limit is closed."""
        with self._change:
            self._change.wait_for(lambda: not self._open or self._fits(size))
            self._files += files
            self._bytes += size
            return self._open

    def leave(self, size: int, files: int = 1) -> None:
        """Make room again."""
        with self._change:
            self._files -= files
            self._bytes -= size
            self._change.notify_all()

    def close(self) -> None:
        """End all waiting."""
        with self._change:
            self._open = False
            self._change.notify_all()

    def _fits(self, size: int) -> bool:
        files, most_bytes = self._most
        return not self._files or (self._files < files and self._bytes + size <= most_bytes)


class Batches(Generic[Key, Item]):
    """Items that wait to be taken in batches. The items of a batch have the same key.

    `get` does not wait for a full batch. While stylizing is busy, batches fill up by themselves.
    """

    def __init__(self, most: Callable[[Key], int]) -> None:
        """`most` returns the greatest number of items of a key in one batch."""
        self._most = most
        self._waiting: dict[Key, deque[Item]] = {}
        self._open = True
        self._change = threading.Condition()

    def put(self, key: Key, item: Item) -> None:
        """Add an item."""
        with self._change:
            self._waiting.setdefault(key, deque()).append(item)
            self._change.notify()

    def get(self) -> list[Item]:
        """Wait for items and take a batch of the key that waits longest. It is empty at the end."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or not self._open)
            if not self._waiting:
                return []
            key = next(iter(self._waiting))
            waiting = self._waiting.pop(key)
            batch = [waiting.popleft() for _ in range(min(len(waiting), self._most(key)))]
            if waiting:
                self._waiting[key] = waiting  # at the end: the other keys come first
                self._change.notify()
            return batch

    def close(self) -> None:
        """Say that no more items come."""
        with self._change:
            self._open = False
            self._change.notify_all()
