"""The manifest and the failures of a data set, gathered from its tables and journals."""

import csv
import io
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from styletransfer.atomic import written_whole
from styletransfer.dataset.choice import in_shard
from styletransfer.dataset.journal import SUFFIX, read_lines

RECORD = ".styletransfer.json"
MANIFEST = "manifest.csv"
FAILURES = "failures.csv"
TAKEN = (RECORD, MANIFEST, FAILURES)


@dataclass(frozen=True)
class Entry:
    """A row of the manifest: a written file.

    `style`, `strength`, and the sizes in pixels are empty for a file that was copied.
    """

    output: str
    source: str
    style: str
    strength: str
    width: str
    height: str
    source_width: str
    source_height: str
    bytes: str
    sha256: str

    def line(self) -> dict[str, Any]:
        """Return the line of a journal for this file."""
        return {"written": list(asdict(self).values())}


COLUMNS = tuple(field.name for field in fields(Entry))


def failure_line(source: str, reason: str) -> dict[str, Any]:
    """Return the line of a journal for a source that failed."""
    return {"failed": [source, " ".join(reason.split())]}


def retry_line(shard: tuple[int, int]) -> dict[str, Any]:
    """Return the line of a journal that removes the failures of a shard."""
    return {"retry": shard}


class Records:
    """The latest record of every output and every failed source.

    SQLite keeps them in a temporary file, as there may be millions.
    """

    def __init__(self, folder: Path, work: Path) -> None:
        """Read the tables in `folder`, then the journals in `work`, the oldest first."""
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("CREATE TABLE written (output BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID")
        self._db.execute("CREATE TABLE failed (source BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID")
        self._db.execute("BEGIN")
        for row in read_rows(folder / MANIFEST):
            self._keep("written", row)
        for row in read_rows(folder / FAILURES):
            self._keep("failed", row)
        for journal in sorted(work.glob(f"*{SUFFIX}")):
            with suppress(FileNotFoundError):  # merged and removed by another process meanwhile
                for line in read_lines(journal):
                    self._follow(line)

    def entry(self, output: str) -> Entry | None:
        """Return the entry of an output, if there is one."""
        row = self._row("written", "output", output)
        return Entry(*row) if row else None

    def failure(self, source: str) -> str | None:
        """Return why a source failed, if it did."""
        row = self._row("failed", "source", source)
        return row[1] if row else None

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, sorted by the bytes of the outputs' paths."""
        for (row,) in self._db.execute("SELECT row FROM written ORDER BY output"):
            yield Entry(*_unpacked(row))

    def failures(self) -> Iterator[list[str]]:
        """Yield the source and the reason of all failures, sorted by the sources."""
        for (row,) in self._db.execute("SELECT row FROM failed ORDER BY source"):
            yield _unpacked(row)

    def _follow(self, line: Mapping[str, Any]) -> None:
        if "failed" in line:
            self._keep("failed", line["failed"])
        if "written" in line:
            self._keep("written", line["written"])
            source = os.fsencode(Entry(*line["written"]).source)
            self._db.execute("DELETE FROM failed WHERE source = ?", (source,))
        if "retry" in line:
            shard = (line["retry"][0], line["retry"][1])
            voided = [row[0] for row in self.failures() if in_shard(row[0], shard)]
            rows = ((os.fsencode(source),) for source in voided)
            self._db.executemany("DELETE FROM failed WHERE source = ?", rows)

    def _keep(self, table: str, row: list[str]) -> None:
        key = os.fsencode(row[0])
        self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (key, _packed([row])))

    def _row(self, table: str, key: str, value: str) -> list[str] | None:
        query = f"SELECT row FROM {table} WHERE {key} = ?"
        found = self._db.execute(query, (os.fsencode(value),)).fetchone()
        return _unpacked(found[0]) if found else None


def write_rows(path: Path, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> int:
    """Write a table as CSV, the columns' names first. Return the number of rows."""
    count = 0
    with written_whole(path) as file:
        file.write(_packed([columns]))
        for row in rows:
            file.write(_packed([row]))
            count += 1
    return count


def read_rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows of a table, without its columns' names, if the table is there."""
    if path.exists():
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = csv.reader(file)
            next(rows, None)
            yield from rows


def _packed(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    # Names of files need not be UTF-8. They come back as the same bytes.
    return text.getvalue().encode("utf-8", "surrogateescape")


def _unpacked(row: bytes) -> list[str]:
    text = row.decode("utf-8", "surrogateescape")
    return next(csv.reader(io.StringIO(text, newline="")))
