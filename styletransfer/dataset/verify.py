"""Comparing a stylized data set with its manifest."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from styletransfer.dataset.destination import Destination, is_own
from styletransfer.dataset.layouts import Layout
from styletransfer.dataset.plan import FileTask
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import Records
from styletransfer.dataset.settings import file_hash
from styletransfer.dataset.sources import Source
from styletransfer.errors import ImageError


def findings(layout: Layout, source: Source, progress: Progress) -> Iterator[str]:
    """Yield a line for each file that is missing, changed, not done, or not of the data set."""
    destination = layout.destination
    if destination.work.exists():
        yield f"{destination.work}: a run has not ended; give its command again first"
    records = destination.records()
    yield from records.damages
    progress.total = sum(1 for _ in records.entries())
    for entry, found in layout.contents(records):
        if found is None:
            yield f"{entry.output}: is missing; run the command again"
        elif found != entry.sha256:
            yield f"{entry.output}: is not what was written; delete it, then run the command again"
        progress.found()
        progress.tick()
    with tempfile.TemporaryDirectory() as folder:
        yield from _not_done(layout.everything(), source, records, Path(folder, "source"))
    if not destination.tars:  # beside tar files there may be others
        yield from _strangers(destination, records)


def _not_done(
    samples: Iterable[tuple[str, FileTask]], source: Source, records: Records, spare: Path
) -> Iterator[str]:
    for _, sample in groupby(samples, lambda pair: pair[0]):
        tasks = [task for _, task in sample]
        if any(records.failure(task.source) is not None for task in tasks):
            continue
        for task in tasks:
            entries = [records.entry(target.output) for target in task.targets]
            if task.problem or not all(entries):
                yield f"{task.source}: is not done yet; run the command again"
            elif entries and _source_hash(task, source, spare) not in {
                e.source_sha256 for e in entries if e
            }:
                outputs = ", ".join(target.output for target in task.targets)
                yield f"{task.source}: has changed; delete {outputs}, then run the command again"


def _source_hash(task: FileTask, source: Source, spare: Path) -> str | None:
    try:
        return file_hash(source.file(task, spare))
    except (ImageError, OSError):
        return None


def _strangers(destination: Destination, records: Records) -> Iterator[str]:
    for name in destination.files.names():
        if not is_own(name) and records.entry(name) is None:
            yield f"{name}: is in no manifest; it was not written by this command"
