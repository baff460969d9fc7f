"""Which files of a folder go into which of the tar files that are written."""

import os
import pickle
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from styletransfer.dataset.choice import draw
from styletransfer.dataset.plan import FolderPlan, Job


class Grouping:
    """The jobs of a folder as samples of WebDataset, spread over tar files by hashes of their keys.

    A key is a path without its suffix, its dots replaced, as WebDataset ends a key at the first.
    The jobs are kept in a temporary file by SQLite, which also brings each sample together.
    """

    def __init__(self, plan: FolderPlan, count: int) -> None:
        """Walk the folder and spread its jobs over `count` tar files."""
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute(
            "CREATE TABLE jobs (tar INTEGER, key BLOB, field TEXT, job BLOB,"
            " PRIMARY KEY (tar, key, field)) WITHOUT ROWID"
        )
        self._db.execute("BEGIN")
        for job in plan.jobs():
            key, field = _sample(job)
            tar = int(draw(0, "tar", key) * count)
            row = (tar, os.fsencode(key), field, pickle.dumps(_renamed(job)))
            if self._db.execute("INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?)", row).rowcount:
                continue
            reason = f"another file has the key {key}; rename one of them"
            job = Job(job.source, (), problem=reason)
            self._db.execute(
                "INSERT INTO jobs VALUES (?, ?, ?, ?)",
                (tar, os.fsencode(job.source), "/", pickle.dumps(job)),
            )

    def samples(self, number: int) -> Iterator[tuple[str, Job]]:
        """Yield the jobs for one tar file, each with the key of its sample, in their order."""
        query = "SELECT key, job FROM jobs WHERE tar = ? ORDER BY key, field"
        for key, job in self._db.execute(query, (number,)):
            yield os.fsdecode(key), pickle.loads(job)


def _sample(job: Job) -> tuple[str, str]:
    """Return the key, and the field: all images are one, as a sample can hold one only."""
    if not job.targets:
        return job.source, "/"
    image = job.targets[0].style is not None
    place = PurePosixPath(job.source)
    return _key(place), "image" if image else place.suffix


def _key(place: PurePosixPath) -> str:
    return str(place.with_name(place.stem.replace(".", "_")))


def _renamed(job: Job) -> Job:
    targets = []
    for target in job.targets:
        place = PurePosixPath(target.output)
        targets.append(replace(target, output=_key(place) + place.suffix))
    return replace(job, targets=tuple(targets))
