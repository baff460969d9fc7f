"""The library's functions for data sets: stylize one, and verify one."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from styletransfer.dataset.destination import Outcome
from styletransfer.dataset.journal import Journal
from styletransfer.dataset.layouts import Pipe, open_layout
from styletransfer.dataset.measure import best_batch
from styletransfer.dataset.pipeline import REFERENCE, Pipeline
from styletransfer.dataset.plan import FileTask
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import retry_line
from styletransfer.dataset.settings import Settings
from styletransfer.dataset.sink import Sink
from styletransfer.dataset.sources import ALL, Shard, open_source
from styletransfer.dataset.stages import Stages, bytes_a_pixel, fatal_faults
from styletransfer.dataset.verify import findings
from styletransfer.errors import DataSetError
from styletransfer.images.find import passed_over
from styletransfer.inference import Stylizer
from styletransfer.inference.limits import BASE
from styletransfer.inference.providers import CPU, available_providers, choose_provider

MOST_BATCH = 32


def stylize_dataset(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    shard: Shard = ALL,
    engine: str = "local",
    ray_address: str | None = None,
    workers: int | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Outcome:
    """Stylize every image of a data set. Called again, it does what is missing.

    Args:
        source: A folder, a WebDataset tar file, or a pattern of tar files: `in/{000..099}.tar`.
        destination: A folder, a tar file or a pattern of tar files. It must be new, or begun with
            the same options.
        shard: `(i, n)`, part i of n, counted from 1.
        engine: `local`, or `ray` for a Ray cluster.
        ray_address: Address of a running cluster. None starts one on this machine.
        workers: Number of pictures stylized at once. None means one for each core.
        retry_failed: Whether files that failed before are tried again.
        progress: Counts and reports the work. None reports nothing.
        options: The fields of `Settings`: `style`, `style_from`, `strength`, `seed`,
            `preserve_colors`, `short_side`, `crop`, `format`, `quality`, `strip`, `copy_others`,
            `memory`, `max_pixels`, `model`, `provider`.

    Returns:
        The number of files in the manifest and of failed sources.

    Raises:
        DataSetError: The source, the destination or an option cannot be used.
        StyleError: The model has no such style.
        ModelError: The model cannot be used.
        ProviderError: The execution provider is not there.
        DestinationError: No more files can be written. The same call continues the run.

    Example:
        stylize_dataset("photos", "painted", style="random", strength=(0.4, 1.0), short_side=256)
    """
    if ray_address is not None and engine != "ray":
        raise DataSetError("--ray-address needs --engine ray")
    count = workers or os.cpu_count() or 1
    paths = os.fspath(source), os.fspath(destination)
    call = Call(*paths, Settings(**options), shard, count, retry_failed)
    progress = progress or Progress(quiet=True)
    if engine == "ray":
        from styletransfer.dataset.ray_engine import stylize_on_ray

        return stylize_on_ray(call, progress, ray_address, workers)
    run = Run(call, progress)
    with run.begun() as journal:
        for portion in run.layout.portions(shard, journal, progress):
            run.layout.write(portion, journal, progress, run.pipe(journal))
    return run.outcome


def verify_dataset(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Iterator[str]:
    """Read a stylized data set again and compare it with its manifest. Nothing is written.

    Args:
        source, destination, progress, options: As for `stylize_dataset`, equal to those of the run.

    Yields:
        A line for each file that is missing, changed or not done yet, or that is not of the
        data set.

    Raises:
        DataSetError, StyleError, ModelError, ProviderError: As `stylize_dataset`.
    """
    progress = progress or Progress(quiet=True)
    run = Run(Call(os.fspath(source), os.fspath(destination), Settings(**options)), progress)
    if not run.layout.destination.check(run.options()):
        folder = run.layout.destination.folder
        raise DataSetError(f"{folder}: no data set has been stylized there")
    yield from findings(run.layout, run.source, progress)


@dataclass(frozen=True)
class Call:
    """The arguments of `stylize_dataset`. They can be sent to another machine."""

    source: str
    destination: str
    settings: Settings
    shard: Shard = ALL
    workers: int = 1
    retry_failed: bool = False


class Run:
    """What one process needs for its part of a call: an open model, the source and the layout."""

    def __init__(self, call: Call, progress: Progress) -> None:
        """Open the model, the source and the layout. Nothing is written yet.

        Raises:
            DataSetError: The source, the destination or an option cannot be used.
            StyleError: The model has no such style.
            ModelError: The model cannot be used.
            ProviderError: The execution provider is not there.
        """
        self.call = call
        self.progress = progress
        self.outcome = Outcome(0, 0, Path())
        settings = call.settings
        provider = choose_provider(settings.provider, available_providers())
        threads = 1 if provider == CPU else None  # each worker takes a core
        self.stylizer = Stylizer(settings.model, threads=threads, provider=provider)
        self.source = open_source(call.source, settings, self.stylizer.styles)
        self.layout = open_layout(call.destination, self.source)

    @contextmanager
    def begun(self) -> Iterator[Journal]:
        """Begin the record and give a journal. Conclude the record when the block succeeds.

        Raises:
            DataSetError: The destination cannot be used. Nothing has been written.
            DestinationError: No more files can be written.
        """
        tasks = (task for _, task in self.layout.everything())
        if not any(task.targets or task.problem for task in tasks):
            raise DataSetError(f"{self.call.source}: there is no image")
        destination = self.layout.destination
        name = self.call.source if "://" in self.call.source else os.path.realpath(self.call.source)
        destination.prepare(self.options(), self.source, name)
        with fatal_faults(destination.folder):
            with closing(Journal(destination.work)) as journal:
                if self.call.retry_failed:
                    journal.append(retry_line(self.call.shard))
                with self._counted():
                    yield journal
                if self.progress.suffixes:
                    self.progress.say(passed_over(self.call.source, self.progress.suffixes))
            self.outcome = destination.conclude()

    def options(self) -> dict[str, Any]:
        """Return the options in the record of a run. Equal ones give equal bytes."""
        tars = self.layout.destination.tars
        return {
            "tars": Path(self.call.destination).name if tars else None,
            **self.call.settings.record(),
            "provider": self.stylizer.provider,
        }

    def pipe(self, journal: Journal) -> Pipe:
        """Return the function that does tasks and gives the finished files to a sink."""

        def pipe(tasks: Iterator[FileTask], sink: Sink) -> None:
            first = next(tasks, None)
            if first is None:  # there is nothing to measure a batch for
                return
            stages = Stages(self.stylizer, self.call.settings, self.source, journal.scratch)
            workers, batch = self.call.workers, self._batch
            pipeline = Pipeline(stages, sink, self.progress, workers=workers, batch=batch)
            pipeline.run(chain([first], tasks))

        return pipe

    @cached_property
    def _batch(self) -> int:
        if any(self.stylizer.fixed):
            return self.stylizer.fixed[0] or 1
        room = (self.call.settings.memory_bytes - BASE) // self.call.workers
        most = room // bytes_a_pixel(self.stylizer) // REFERENCE**2
        return best_batch(self.stylizer, REFERENCE, max(1, min(MOST_BATCH, most)))

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count the files of the shard while the work on the first of them has begun."""
        stopped = threading.Event()
        if not self.source.countable:
            yield
            return

        def count() -> None:
            total = 0
            for _ in self.layout.due(self.call.shard):
                total += 1
                if stopped.is_set():
                    return
            self.progress.total = total

        thread = threading.Thread(target=count, name="count", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
