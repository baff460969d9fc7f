"""Comparing a stylized data set with its manifest."""

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from styletransfer.dataset.destination import Destination
from styletransfer.dataset.layouts import Layout
from styletransfer.dataset.plan import Task
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import TAKEN, Records


def findings(layout: Layout, progress: Progress) -> Iterator[str]:
    """Yield a line for each file that is missing, changed, not done, or not of the data set."""
    destination = layout.destination
    if destination.work.exists():
        yield f"{destination.work}: a run has not ended; give its command again first"
    records = destination.records()
    progress.total = sum(1 for _ in records.entries())
    for entry, found in layout.contents(records):
        if found is None:
            yield f"{entry.output}: is missing; run the command again"
        elif found != entry.sha256:
            yield f"{entry.output}: is not what was written; delete it, then run the command again"
        progress.found()
        progress.tick()
    yield from _not_done(layout.everything(), records)
    yield from _strangers(destination, records)


def _not_done(samples: Iterable[tuple[str, Task]], records: Records) -> Iterator[str]:
    for _, sample in groupby(samples, lambda pair: pair[0]):
        tasks = [task for _, task in sample]
        if any(records.failure(task.source) is not None for task in tasks):
            continue
        for task in tasks:
            if task.problem or any(records.entry(t.output) is None for t in task.targets):
                yield f"{task.source}: is not done yet; run the command again"


def _strangers(destination: Destination, records: Records) -> Iterator[str]:
    for parent, folders, files in os.walk(destination.folder):
        below = Path(parent).relative_to(destination.folder)
        if below == Path():
            folders[:] = [name for name in folders if name != destination.work.name]
            files = [name for name in files if name not in (*TAKEN, *destination.tars)]
        for name in sorted(files):
            output = (below / name).as_posix()
            if records.entry(output) is None:
                yield f"{output}: is in no manifest; it was not written by this command"
