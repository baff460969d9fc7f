"""Run an iterable in a thread, a few items ahead of its consumer."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_POLL = 0.1  # seconds after which a waiting thread checks whether to stop


def ahead(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """Yield the items of an iterable, which runs in another thread.

    Args:
        items: The iterable. Its exceptions are raised here.
        depth: Greatest number of waiting items.
    """
    waiting: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(depth)
    ended = threading.Event()

    def put(going: bool, item: Item | BaseException | None) -> bool:
        while not ended.is_set():
            try:
                waiting.put((going, item), timeout=_POLL)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put(True, item):
                    return
            put(False, None)
        except BaseException as error:
            put(False, error)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while True:
            going, item = waiting.get()
            if not going:
                if item is not None:
                    raise item  # type: ignore[misc]
                return
            yield item  # type: ignore[misc]
    finally:
        ended.set()
        thread.join()
