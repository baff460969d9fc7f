"""Run an iterable, or a function on its items, in threads ahead of the consumer."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

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


def at_once(
    function: Callable[[Item], Result], items: Iterable[Item], count: int, depth: int
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with what a function makes of it, in order.

    Args:
        function: The function. Its exceptions are raised here.
        items: The items, which are read here.
        count: Number of threads that run the function.
        depth: Greatest number of items in work.
    """
    pool, working = ThreadPoolExecutor(count), deque[tuple[Item, Future[Result]]]()
    try:
        for item in items:
            if len(working) == depth:
                first, result = working.popleft()
                yield first, result.result()
            working.append((item, pool.submit(function, item)))
        for item, result in working:
            yield item, result.result()
    finally:
        pool.shutdown(cancel_futures=True)
