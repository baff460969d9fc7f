"""Which files of a folder go into which of the tar files that are written."""

import os
import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from styletransfer.dataset.choice import draw
from styletransfer.dataset.plan import FileTask


class Grouping:
    """The tasks of a folder as samples of WebDataset, spread over tar files by hashes of the keys.

    A key is a path without its suffix. Its dots are replaced, because WebDataset ends a key at the
    first dot. SQLite keeps the tasks in a temporary file and sorts them by sample.
    """

    def __init__(self, tasks: Iterable[FileTask], count: int) -> None:
        """Spread `tasks` over `count` tar files."""
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute(
            "CREATE TABLE tasks (tar INTEGER, key BLOB, field TEXT, task BLOB,"
            " PRIMARY KEY (tar, key, field)) WITHOUT ROWID"
        )
        self._db.execute("BEGIN")
        for task in tasks:
            key, field = _sample(task)
            tar = int(draw(0, "tar", key) * count)
            row = (tar, os.fsencode(key), field, pickle.dumps(_renamed(task)))
            if self._db.execute("INSERT OR IGNORE INTO tasks VALUES (?, ?, ?, ?)", row).rowcount:
                continue
            reason = f"another file has the key {key}; rename one of them"
            task = FileTask(task.source, problem=reason)
            self._db.execute(
                "INSERT INTO tasks VALUES (?, ?, ?, ?)",
                (tar, os.fsencode(task.source), "/", pickle.dumps(task)),
            )

    def samples(self, number: int) -> Iterator[tuple[str, FileTask]]:
        """Yield the tasks for one tar file, each with the key of its sample."""
        query = "SELECT key, task FROM tasks WHERE tar = ? ORDER BY key, field"
        for key, task in self._db.execute(query, (number,)):
            yield os.fsdecode(key), pickle.loads(task)


def _sample(task: FileTask) -> tuple[str, str]:
    """Return the key and the field. All images are one field: a sample holds only one of them."""
    if not task.targets:
        return task.source, "/"
    image = task.targets[0].style is not None
    place = PurePosixPath(task.source)
    return _key(place), "image" if image else place.suffix


def _key(place: PurePosixPath) -> str:
    return str(place.with_name(place.stem.replace(".", "_")))


def _renamed(task: FileTask) -> FileTask:
    targets = []
    for target in task.targets:
        place = PurePosixPath(target.output)
        targets.append(replace(target, output=_key(place) + place.suffix))
    return replace(task, targets=tuple(targets))
