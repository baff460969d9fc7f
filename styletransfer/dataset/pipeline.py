"""Decode, stylize and encode at the same time, each on threads of its own."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from styletransfer.dataset.flow import Batches, UnderWay
from styletransfer.dataset.plan import FileTask, Target
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.sink import Finished, Sink
from styletransfer.dataset.stages import Decoded, Stages
from styletransfer.errors import DestinationError
from styletransfer.images import Picture, read_size

Size = tuple[int, int]
REFERENCE = 256


@dataclass
class _Open:
    """A task under way: its finished files, and the number of targets left."""

    decoded: Decoded
    bytes: int
    left: int
    error: Exception | None = None
    finished: list[Finished] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> Size:
        """Height and width of the decoded picture."""
        height, width, _ = self.decoded.picture.rgb.shape
        return height, width


class Pipeline:
    """Threads that do tasks and give the finished files to a sink.

    What a thread does with one batch or picture is a method of its own: a variable of the loop
    would keep the last picture in memory while the thread waits for the next one.
    """

    def __init__(
        self, stages: Stages, sink: Sink, progress: Progress, *, workers: int, batch: int
    ) -> None:
        """Stylize `workers` batches at once, each with the pixels of `batch` 256×256 pictures."""
        self._stages, self._sink, self._progress = stages, sink, progress
        self._workers = workers
        files = 4 * workers * (batch + 1)
        self._under_way = UnderWay(files, stages.room)
        self._painted = UnderWay(files, stages.room)  # from stylizing until the file is written
        self._decoded: Batches[Size, tuple[_Open, Target]] = Batches(_batch_of(batch))
        self._stylized: queue.SimpleQueue[tuple[_Open, Target, Picture] | None]
        self._stylized = queue.SimpleQueue()
        self._jobs_lock = threading.Lock()
        self._stopped = threading.Event()
        self._error: BaseException | None = None

    def run(self, tasks: Iterator[FileTask]) -> None:
        """Do all tasks.

        Raises:
            DestinationError: No more files can be written.
            Exception: What `tasks` raises.
        """
        decoders = self._start("decode", lambda clock: self._decode_next(tasks, clock))
        stylizers = self._start("stylize", self._stylize_next)
        encoders = self._start("encode", self._encode_next)
        try:
            self._wait(decoders)
            self._decoded.close()
            self._wait(stylizers)
        finally:  # also when interrupted
            self._stop()
            for thread in (*decoders, *stylizers):
                thread.join()
            for _ in encoders:
                self._stylized.put(None)
            for thread in encoders:
                thread.join()
        if self._error is not None:
            raise self._error

    def _decode_next(self, tasks: Iterator[FileTask], clock: "_Clock") -> bool:
        """Decode the next file. Return False if there is none, or the run is stopped."""
        with self._jobs_lock:
            task = next(tasks, None)
        if task is None or self._stopped.is_set():
            return False
        if task.targets[0].style is None:
            with clock, self._faults_of(task):
                self._accept(task, [self._stages.copy(task, target) for target in task.targets])
            return True
        with self._faults_of(task), self._stages.readable(task) as path:
            size = read_size(path)
            taken = self._stages.bytes(path, size)
            if not self._under_way.enter(taken):
                return False
            try:
                with clock:
                    decoded = self._stages.decode(task, path, size)
            except BaseException:
                self._under_way.leave(taken)
                raise
            for note in decoded.picture.notes:
                self._progress.note(task.source, note)
            opened = _Open(decoded, taken, len(task.targets))
            for target in task.targets:
                self._decoded.put(opened.size, (opened, target))
        return True

    def _stylize_next(self, clock: "_Clock") -> bool:
        """Stylize the next batch. Return False at the end."""
        batch = self._decoded.get()
        if not batch or self._stopped.is_set():
            return False
        size = batch[0][0].size
        if not self._painted.enter(self._stages.painting(size) * len(batch), len(batch)):
            return False
        try:
            with clock:
                pictures = self._stages.stylize([(o.decoded.picture, t) for o, t in batch])
        except Exception as error:
            if len(batch) == 1:
                self._fail(batch[0][0], error)
            for alone in batch if len(batch) > 1 else ():
                self._retry(alone, clock)
            return True
        for (opened, target), picture in zip(batch, pictures, strict=True):
            self._stylized.put((opened, target, picture))
        return True

    def _retry(self, alone: tuple[_Open, Target], clock: "_Clock") -> None:
        """Stylize one picture of a failed batch alone, so that the others do not fail with it."""
        opened, target = alone
        try:
            with clock:
                (picture,) = self._stages.stylize([(opened.decoded.picture, target)])
        except Exception as error:
            self._fail(opened, error)
        else:
            self._stylized.put((opened, target, picture))

    def _encode_next(self, clock: "_Clock") -> bool:
        """Write the next stylized picture. Return False at the end."""
        item = self._stylized.get()
        if item is None:
            return False
        opened, target, picture = item
        try:
            with clock:
                finished = self._stages.encode(opened.decoded, target, picture)
        except Exception as error:
            self._fail(opened, error)
        else:
            with clock:
                self._close(opened, finished)
        return True

    def _fail(self, opened: _Open, error: Exception) -> None:
        with opened.lock:
            opened.error = opened.error or error
        self._close(opened, None)

    def _close(self, opened: _Open, finished: Finished | None) -> None:
        """End one target of a task, and the task after its last target."""
        self._painted.leave(self._stages.painting(opened.size))
        with opened.lock:
            opened.left -= 1
            opened.finished += [finished] if finished else []
            if opened.left:
                return
        task = opened.decoded.task
        with self._faults_of(task):
            try:
                if opened.error is not None:
                    for file in opened.finished:
                        file.path.unlink()
                    raise opened.error
                self._accept(task, opened.finished)
            finally:
                self._under_way.leave(opened.bytes)

    def _accept(self, task: FileTask, files: list[Finished]) -> None:
        self._sink.accept(task, files)
        self._progress.note(task.source, task.note)
        self._progress.wrote(sum(1 for target in task.targets if target.style is not None))

    @contextmanager
    def _faults_of(self, task: FileTask) -> Iterator[None]:
        """Record an error as the failure of one file, unless it stops the whole run."""
        try:
            yield
        except DestinationError:
            raise
        except Exception as error:
            text = self._stages.reason(error, task)
            self._sink.refuse(task, text)
            self._progress.failed(task.source, text)

    def _start(self, stage: str, body: "Callable[[_Clock], bool]") -> list[threading.Thread]:
        def work() -> None:
            clock = _Clock()
            try:
                while body(clock):
                    pass
            except BaseException as error:
                self._stop(error)
            finally:
                self._progress.worked(stage, clock.seconds)

        threads = [threading.Thread(target=work, name=stage) for _ in range(self._workers)]
        for thread in threads:
            thread.start()
        return threads

    def _wait(self, threads: list[threading.Thread]) -> None:
        for thread in threads:
            while thread.is_alive() and not self._stopped.is_set():
                thread.join(0.1)
                self._progress.tick()

    def _stop(self, error: BaseException | None = None) -> None:
        if error is not None and self._error is None:
            self._error = error
        self._stopped.set()
        self._under_way.close()
        self._painted.close()
        self._decoded.close()


class _Clock:
    """Seconds that one thread has worked, without its waiting for others."""

    def __init__(self) -> None:
        self.seconds = self._since = 0.0

    def __enter__(self) -> None:
        self._since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._since


def _batch_of(batch: int) -> Callable[[Size], int]:
    """Return a function: the number of pictures of a size with the pixels of one batch."""
    return lambda size: max(1, batch * REFERENCE**2 // (size[0] * size[1]))
