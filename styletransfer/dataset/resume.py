"""What is left to do of a plan, where an earlier run may have done part of it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from styletransfer.dataset.destination import Destination
from styletransfer.dataset.journal import Journal
from styletransfer.dataset.plan import Job, Target
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import Records, failure_line
from styletransfer.dataset.stages import entry
from styletransfer.images import ImageError, read_size


def pending(
    jobs: Iterator[Job],
    source: Path,
    destination: Destination,
    records: Records,
    journal: Journal,
    progress: Progress,
) -> Iterator[Job]:
    """Yield each job with the targets that are missing, if any are; count and note the others.

    A source that failed before is not tried again. A file that exists although no record tells of
    it (someone has deleted the records) is taken as it is, and read again for the manifest.
    """
    for job in jobs:
        failure = records.failure(job.source)
        if job.problem:
            if failure != job.problem:
                journal.append(failure_line(job.source, job.problem))
            progress.failed(job.source, job.problem)
            continue
        if not job.targets:
            progress.note(job.source, job.note or "")
            continue
        missing = []
        for target in job.targets:
            if not os.path.lexists(destination.path(target.output)):
                missing.append(target)
            elif records.entry(target.output) is None:
                _adopt(job, target, source, destination, journal)
        if missing and failure is not None:
            progress.failed_before()
        elif missing:
            yield replace(job, targets=tuple(missing))
        else:
            progress.found()


def _adopt(
    job: Job, target: Target, source: Path, destination: Destination, journal: Journal
) -> None:
    path = destination.path(target.output)
    sizes: tuple[int, ...] = ()
    if target.style is not None:
        try:
            sizes = (*read_size(path), *read_size(source / job.source))
        except ImageError as error:
            journal.append(failure_line(job.source, f"{error}; delete it to have it made again"))
            return
    journal.append(entry(job, target, path.read_bytes(), sizes).line())
