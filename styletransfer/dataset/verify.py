"""Reading a data set again, to see whether it is what its manifest says."""

import os
import tarfile
from collections.abc import Iterable, Iterator
from hashlib import file_digest
from itertools import groupby
from pathlib import Path
from typing import IO

from styletransfer.dataset.destination import Destination
from styletransfer.dataset.plan import TAKEN, Job
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.records import Entry, Records

Read = Iterator[tuple[Entry, str | None]]


def findings(
    samples: Iterable[tuple[str, Job]], destination: Destination, progress: Progress
) -> Iterator[str]:
    """Yield a line for each file that is missing, changed, or not of the data set.

    `samples` are all jobs of the source, whatever the shards were, with the keys of their samples.
    Nothing is written.
    """
    if destination.work.exists():
        yield f"{destination.work}: a run has not ended; give its command again first"
    records = destination.records()
    progress.total = sum(1 for _ in records.entries())
    for entry, found in (_in_tars if destination.tars else _in_files)(records, destination):
        if found is None:
            yield f"{entry.output}: is missing; run the command again"
        elif found != entry.sha256:
            yield f"{entry.output}: is not what was written; delete it, then run the command again"
        progress.found()
        progress.tick()
    yield from _not_done(samples, records)
    yield from _strangers(destination.folder, destination, records)


def _in_files(records: Records, destination: Destination) -> Read:
    for entry in records.entries():
        try:
            with destination.path(entry.output).open("rb") as file:
                yield entry, _hash(file)
        except OSError:
            yield entry, None


def _in_tars(records: Records, destination: Destination) -> Read:
    for path, entries in groupby(records.entries(), lambda e: destination.path(e.output)):
        hashes: dict[str, str] = {}
        try:
            with tarfile.open(path) as tar:
                for member in tar:
                    if (file := tar.extractfile(member)) is not None:
                        hashes[f"{path.name}/{member.name}"] = _hash(file)
        except (tarfile.TarError, OSError, EOFError):
            pass  # what could not be read is missing
        for entry in entries:
            yield entry, hashes.get(entry.output)


def _hash(file: IO[bytes]) -> str:
    return file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _not_done(samples: Iterable[tuple[str, Job]], records: Records) -> Iterator[str]:
    for _, sample in groupby(samples, lambda pair: pair[0]):
        jobs = [job for _, job in sample]
        if any(records.failure(job.source) is not None for job in jobs):
            continue
        for job in jobs:
            if job.problem or any(records.entry(t.output) is None for t in job.targets):
                yield f"{job.source}: is not done yet; run the command again"


def _strangers(folder: Path, destination: Destination, records: Records) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        below = Path(parent).relative_to(folder)
        if below == Path():
            folders[:] = [name for name in folders if name != destination.work.name]
            files = [name for name in files if name not in (*TAKEN, *destination.tars)]
        for name in sorted(files):
            output = (below / name).as_posix()
            if records.entry(output) is None:
                yield f"{output}: is in no manifest; it was not written by this command"
