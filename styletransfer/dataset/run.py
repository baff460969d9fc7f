"""One run over a data set: what is missing is planned, done, and the records are concluded."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from styletransfer.dataset.choice import in_shard
from styletransfer.dataset.destination import Destination, Outcome
from styletransfer.dataset.grouping import Grouping
from styletransfer.dataset.journal import Journal
from styletransfer.dataset.measure import best_batch
from styletransfer.dataset.memory import BYTES_A_PIXEL, picture_bytes
from styletransfer.dataset.pipeline import REFERENCE, Pipeline
from styletransfer.dataset.plan import FolderPlan, Job
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import retry_line
from styletransfer.dataset.resume import pending
from styletransfer.dataset.settings import Settings
from styletransfer.dataset.sink import FolderSink, Sink
from styletransfer.dataset.stages import Stages, fatal_faults
from styletransfer.dataset.tar_sink import TarSink
from styletransfer.dataset.tars import TarPlan, expand
from styletransfer.dataset.verify import findings
from styletransfer.errors import DataSetError as PlanError
from styletransfer.inference import Stylizer
from styletransfer.inference.providers import CPU, available_providers, choose_provider

MOST_BATCH = 32


@dataclass(frozen=True)
class Call:
    """What to stylize, where to, and how; it can be sent to another machine."""

    source: str
    destination: str
    settings: Settings
    shard: tuple[int, int] = (1, 1)
    workers: int = 1
    retry_failed: bool = False


class Run:
    """What one process needs for its part of a call: an open model, a plan and a destination."""

    def __init__(self, call: Call, progress: Progress) -> None:
        """Raises PlanError, StyleError, ModelError and ProviderError; nothing is written yet."""
        self.call = call
        self.progress = progress
        settings = call.settings
        provider = choose_provider(settings.provider, available_providers())
        threads = 1 if provider == CPU else None  # as each worker takes a core
        self.stylizer = Stylizer(settings.model, threads=threads, provider=provider)
        self.plan = open_plan(call, self.stylizer.styles)
        self.destination = open_destination(call)
        tars = self.destination.tars
        if tars and isinstance(self.plan, TarPlan) and len(tars) != len(self.plan.paths):
            counts = f"{len(self.plan.paths)} tar files are read and {len(tars)} written"
            raise PlanError(f"{counts}; give as many")

    def prepare(self) -> None:
        """Refuse what cannot be done, and begin the record. Raises PlanError."""
        if next(self.plan.jobs(), None) is None:
            raise PlanError(f"{self.call.source}: there is no image")
        folder = self.plan.root if isinstance(self.plan, FolderPlan) else None
        self.destination.prepare(self.options(), folder)

    def options(self) -> dict[str, Any]:
        """Return what the record of a run holds: equal ones give equal bytes."""
        return {
            "source": os.path.realpath(self.call.source),
            "tars": Path(self.call.destination).name if self.destination.tars else None,
            **self.call.settings.record(),
            "provider": self.stylizer.provider,
        }

    def missing_tars(self) -> list[int]:
        """Return the numbers of the tar files in this shard that are to be written."""
        return [
            number
            for number, name in enumerate(self.destination.tars)
            if in_shard(name, self.call.shard) and not self.destination.path(name).exists()
        ]

    def forget_failures(self, journal: Journal) -> None:
        """Have what failed before tried again: a tar file that lacks a sample is removed."""
        records = self.destination.records()
        for number, name in enumerate(self.destination.tars):
            path = self.destination.path(name)
            if path.exists() and in_shard(name, self.call.shard):
                jobs = (job for _, job in self.samples(number))
                if any(records.failure(job.source) is not None for job in jobs):
                    path.unlink()
        journal.append(retry_line(self.call.shard))

    def missing(self, journal: Journal) -> Iterator[Job]:
        """Yield what is to be done of the shard where the destination is a tree of files."""
        jobs = self.plan.jobs(self.call.shard)
        records = self.destination.records()
        return pending(jobs, self.plan.root, self.destination, records, journal, self.progress)

    def samples(self, number: int) -> Iterator[tuple[str, Job]]:
        """Yield the jobs for one of the tar files to write, with the keys of their samples."""
        source = self.plan if isinstance(self.plan, TarPlan) else self._grouping
        name = self.destination.tars[number]
        for key, job in source.samples(number):
            inside = (replace(target, output=f"{name}/{target.output}") for target in job.targets)
            yield key, replace(job, targets=tuple(inside))

    def everything(self) -> Iterator[tuple[str, Job]]:
        """Yield all jobs of all shards, with the keys of their samples."""
        if self.destination.tars:
            for number in range(len(self.destination.tars)):
                yield from self.samples(number)
        else:
            yield from ((job.source, job) for job in self.plan.jobs())

    def write_files(self, jobs: Iterator[Job], journal: Journal) -> None:
        """Do `jobs`, each file for itself. Raises Hopeless."""
        self._pipe(jobs, FolderSink(self.destination, journal), journal)

    def write_tar(self, number: int, journal: Journal) -> None:
        """Write one tar file. Raises Hopeless."""
        sink = TarSink(self.destination.path(self.destination.tars[number]), journal)
        try:
            self._pipe(sink.watched(self.samples(number), self.progress), sink, journal)
            sink.close()
        finally:
            sink.abandon()

    def _pipe(self, jobs: Iterator[Job], sink: Sink, journal: Journal) -> None:
        first = next(jobs, None)
        if first is None:  # nothing to measure a batch for
            return
        stages = Stages(self.stylizer, self.call.settings, self.plan.root, journal.scratch)
        workers, batch = self.call.workers, self._batch
        pipeline = Pipeline(stages, sink, self.progress, workers=workers, batch=batch)
        pipeline.run(chain([first], jobs))

    @cached_property
    def _batch(self) -> int:
        most = picture_bytes() // BYTES_A_PIXEL // REFERENCE**2 // self.call.workers
        return best_batch(self.stylizer, REFERENCE, max(1, min(MOST_BATCH, most)))

    @cached_property
    def _grouping(self) -> Grouping:
        assert isinstance(self.plan, FolderPlan)
        return Grouping(self.plan, len(self.destination.tars))


def stylize_dataset(call: Call, progress: Progress) -> Outcome:
    """Do what is missing of a data set, and conclude it.

    Raises PlanError, StyleError, ModelError and ProviderError before any work, and Hopeless when
    nothing more can be done.
    """
    run = Run(call, progress)
    run.prepare()
    with fatal_faults(run.destination.folder):
        with closing(Journal(run.destination.work)) as journal:
            if call.retry_failed:
                run.forget_failures(journal)
            with counted(run):
                if run.destination.tars:
                    for number in run.missing_tars():
                        run.write_tar(number, journal)
                else:
                    run.write_files(run.missing(journal), journal)
        return run.destination.conclude()


def open_plan(call: Call, styles: Sequence[str]) -> FolderPlan | TarPlan:
    """Return the plan of the source; PlanError for one that is neither folder nor tar files."""
    tars = expand(call.source)
    if tars is not None:
        return TarPlan(tars, call.settings, styles)
    folder = Path(call.source)
    if not folder.is_dir():
        raise PlanError(f"{folder}: there is no such folder")
    return FolderPlan(folder, call.settings, styles)


def open_destination(call: Call) -> Destination:
    """Return the destination, a folder or tar files in one."""
    tars = expand(call.destination)
    if tars is None:
        return Destination(Path(call.destination))
    return Destination(tars[0].parent, [path.name for path in tars])


def verify_dataset(call: Call, progress: Progress) -> Iterator[str]:
    """Yield a line for each file that is not as it should be. Raises as `stylize_dataset` does."""
    run = Run(call, progress)
    if not run.destination.check(run.options()):
        raise PlanError(f"{run.destination.folder}: no data set has been stylized there")
    yield from findings(run.everything(), run.destination, progress)


@contextmanager
def counted(run: Run) -> Iterator[None]:
    """Count the files that are to be done while the work on the first of them has begun."""
    stopped = threading.Event()
    if run.destination.tars:
        tars = run.missing_tars()
        jobs = (job for number in tars for _, job in run.samples(number))
    else:
        jobs = (job for job in run.plan.jobs(run.call.shard))

    def count() -> None:
        total = 0
        for _ in jobs:
            total += 1
            if stopped.is_set():
                return
        run.progress.total = total

    thread = threading.Thread(target=count, name="count", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
