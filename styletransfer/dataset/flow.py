"""What holds a pipeline together: a limit on what is under way, and batches of equal sizes."""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=Hashable)
Item = TypeVar("Item")


class UnderWay:
    """A limit on how many files, and how many pixels of them, are in memory at one time."""

    def __init__(self, most_files: int, most_pixels: int) -> None:
        self._most = (most_files, most_pixels)
        self._files = self._pixels = 0
        self._open = True
        self._change = threading.Condition()

    def enter(self, pixels: int) -> bool:
        """Wait until a file fits in, or is alone; False once the limit is closed."""
        with self._change:
            self._change.wait_for(lambda: not self._open or self._fits(pixels))
            self._files += 1
            self._pixels += pixels
            return self._open

    def leave(self, pixels: int) -> None:
        """Make room again."""
        with self._change:
            self._files -= 1
            self._pixels -= pixels
            self._change.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._change:
            self._open = False
            self._change.notify_all()

    def _fits(self, pixels: int) -> bool:
        files, most_pixels = self._most
        return not self._files or (self._files < files and self._pixels + pixels <= most_pixels)


class Batches(Generic[Kind, Item]):
    """Items that wait, by their kind; who asks gets those of one kind, the oldest waiting first.

    Nobody waits for a batch to fill up: where stylizing is what takes the time, they fill up
    while it is busy.
    """

    def __init__(self, most: Callable[[Kind], int]) -> None:
        """`most` tells how many items of a kind may go together."""
        self._most = most
        self._kinds: dict[Kind, deque[Item]] = {}
        self._open = True
        self._change = threading.Condition()

    def put(self, kind: Kind, item: Item) -> None:
        """Add an item."""
        with self._change:
            self._kinds.setdefault(kind, deque()).append(item)
            self._change.notify()

    def get(self) -> list[Item]:
        """Wait for items of one kind and take as many as may go together; none at the end."""
        with self._change:
            self._change.wait_for(lambda: self._kinds or not self._open)
            if not self._kinds:
                return []
            kind = next(iter(self._kinds))
            waiting = self._kinds.pop(kind)
            batch = [waiting.popleft() for _ in range(min(len(waiting), self._most(kind)))]
            if waiting:
                self._kinds[kind] = waiting  # at the end: the other kinds come before
                self._change.notify()
            return batch

    def close(self) -> None:
        """Nothing more is added."""
        with self._change:
            self._open = False
            self._change.notify_all()
