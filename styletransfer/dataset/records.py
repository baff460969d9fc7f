"""The manifest and the failures of a data set, gathered from its tables and journals."""

import csv
import io
import os
import re
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from styletransfer.dataset.choice import in_shard
from styletransfer.dataset.journal import SUFFIX, read_lines

RECORD = ".styletransfer.json"
MANIFEST = "manifest.csv"
FAILURES = "failures.csv"
LOCK_FILE = ".styletransfer.lock"
TAKEN = (RECORD, MANIFEST, FAILURES, LOCK_FILE)
MOST_LINES, MOST_BYTES = 64, 1 << 16  # of one row, and of one line: a name may hold line feeds


@dataclass(frozen=True)
class Entry:
    """A row of the manifest: a written file and its source.

    `style`, `strength`, and the sizes in pixels are empty for a file that was copied.
    `source_version` is the time of the source's last change in ns, or the tag of its store.
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
    source_bytes: str
    source_version: str
    source_sha256: str

    def line(self) -> dict[str, Any]:
        """Return the line of a journal for this file."""
        return {"written": list(asdict(self).values())}


COLUMNS = tuple(field.name for field in fields(Entry))
FAILURE_COLUMNS = ("source", "reason")
_FORMS = {
    **dict.fromkeys(("output", "source", "reason"), r"[^\0]+"),
    **dict.fromkeys(("sha256", "source_sha256"), r"[0-9a-f]{64}"),
    **dict.fromkeys(("bytes", "source_bytes"), r"[0-9]{1,19}"),
    **dict.fromkeys(("width", "height", "source_width", "source_height"), r"[0-9]{0,9}"),
    "strength": r"[0-9.e-]*",
}


def failure_line(source: str, reason: str) -> dict[str, Any]:
    """Return the line of a journal for a source that failed."""
    return {"failed": [source, " ".join(reason.split())]}


def removed_line(tar: str) -> dict[str, Any]:
    """Return the line of a journal that removes the entries of a tar file."""
    return {"removed": tar}


def retry_line(shard: tuple[int, int]) -> dict[str, Any]:
    """Return the line of a journal that removes the failures of a shard."""
    return {"retry": shard}


class Records:
    """The latest record of every output and every failed source.

    SQLite keeps them in a temporary file, as there may be millions. `damages` has a line for each
    damaged record. Such a record is left out: what is missing is made again. `retried` tells if the
    failures of a shard were removed.
    """

    def __init__(self, folder: Path, work: Path) -> None:
        """Read the tables in `folder`, then the journals in `work`, the oldest first."""
        self.damages: list[str] = []
        self.retried = False
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("CREATE TABLE written (output BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID")
        self._db.execute("CREATE TABLE failed (source BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID")
        self._db.execute("BEGIN")
        self._read("written", folder / MANIFEST, COLUMNS)
        self._read("failed", folder / FAILURES, FAILURE_COLUMNS)
        for journal in sorted(work.glob(f"*{SUFFIX}")):
            with suppress(FileNotFoundError):  # merged and removed by another process meanwhile
                for number, line in enumerate(read_lines(journal), 1):
                    if line is None or not self._follow(line):
                        self._damaged(journal, number)

    def entry(self, output: str) -> Entry | None:
        """Return the entry of an output, if there is one."""
        row = self._row("written", "output", output)
        return Entry(*row) if row else None

    def failure(self, source: str) -> str | None:
        """Return why a source failed, if it did."""
        row = self._row("failed", "source", source)
        return row[1] if row else None

    def entries(self, below: str = "") -> Iterator[Entry]:
        """Yield the entries of the outputs in the folder `below`, or all, sorted by their bytes.

        `below` ends in `/`.
        """
        query = "SELECT row FROM written ORDER BY output"
        start = os.fsencode(below)
        if below:
            query = "SELECT row FROM written WHERE output > ?1 AND output < ?2 ORDER BY output"
        for (row,) in self._db.execute(query, (start, start[:-1] + b"0") if below else ()):
            yield Entry(*_unpacked(row))

    def failures(self) -> Iterator[list[str]]:
        """Yield the source and the reason of all failures, sorted by the sources."""
        for (row,) in self._db.execute("SELECT row FROM failed ORDER BY source"):
            yield _unpacked(row)

    def _read(self, table: str, path: Path, columns: tuple[str, ...]) -> None:
        for number, row, text in read_rows(path, columns):
            if row is None:
                self._damaged(path, number)
            else:
                self._keep(table, row, text)

    def _damaged(self, path: Path, number: int) -> None:
        self.damages.append(f"{path}: row {number} is damaged and left out; it is made again")

    def _follow(self, line: Any) -> bool:
        """Do what the line of a journal says. Return False if it says nothing."""
        match line:
            case {"failed": [*row]} if _is_row(row, FAILURE_COLUMNS):
                self._keep("failed", row)
            case {"written": [*row]} if _is_row(row, COLUMNS):
                self._keep("written", row)
                source = os.fsencode(Entry(*row).source)
                self._db.execute("DELETE FROM failed WHERE source = ?", (source,))
            case {"removed": str(tar)} if _is_row([tar], ("output",)):
                bounds = os.fsencode(f"{tar}/"), os.fsencode(f"{tar}0")  # 0 comes after /
                self._db.execute("DELETE FROM written WHERE output > ? AND output < ?", bounds)
            case {"retry": [int(number), int(count)]}:
                shard = (number, count)
                voided = [row[0] for row in self.failures() if in_shard(row[0], shard)]
                rows = ((os.fsencode(source),) for source in voided)
                self._db.executemany("DELETE FROM failed WHERE source = ?", rows)
                self.retried = True
            case _:
                return False
        return True

    def _keep(self, table: str, row: Sequence[str], text: bytes | None = None) -> None:
        values = os.fsencode(row[0]), text or _packed(row)
        self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", values)

    def _row(self, table: str, key: str, value: str) -> list[str] | None:
        query = f"SELECT row FROM {table} WHERE {key} = ?"
        found = self._db.execute(query, (os.fsencode(value),)).fetchone()
        return _unpacked(found[0]) if found else None


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write a table as CSV, the columns' names first. Return the number of rows."""
    count = 0
    with path.open("wb") as file:
        file.write(_packed(columns))
        for count, row in enumerate(rows, 1):  # noqa: B007
            file.write(_packed(row))
        file.flush()
        os.fsync(file.fileno())
    return count


Row = tuple[int, list[str] | None, bytes]


def read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the first line's number, the values and the bytes of each row of a table, if there.

    The values are None for a damaged row. Then the next row is looked for in the line after it.
    """
    if not path.exists():
        return
    ahead: deque[bytes] = deque()
    number = 1
    with path.open("rb") as file:
        while True:
            text, row, count = b"", None, 0
            while count < MOST_LINES and (count == 0 or text.count(b'"') % 2):
                if len(ahead) == count and (line := file.readline(MOST_BYTES)):
                    ahead.append(line)
                if len(ahead) == count:
                    break
                text, count = text + ahead[count], count + 1
            if not count:
                return
            row = _parsed(text, columns)
            if number > 1 or text != _packed(columns):
                yield number, row, text
            for _ in range(1 if row is None else count):
                number += 1
                ahead.popleft()


def _parsed(text: bytes, columns: tuple[str, ...]) -> list[str] | None:
    """Return the values of one row, None if it is damaged."""
    decoded = text.decode("utf-8", "surrogateescape")
    if _plain(columns).fullmatch(decoded):  # nearly all rows, ten times faster
        return decoded[:-1].split(",")
    if not decoded.endswith("\n"):
        return None
    try:
        rows = list(csv.reader(io.StringIO(decoded, newline=""), strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 and _is_row(rows[0], columns) else None


@cache
def _plain(columns: tuple[str, ...]) -> re.Pattern[str]:
    """Return the form of a row without quotes."""
    forms = (_FORMS.get(name, r"[^\0]*").replace(r"[^\0]", r'[^\0",\r\n]') for name in columns)
    return re.compile(",".join(forms) + "\n")


def _is_row(row: Sequence[Any], columns: Sequence[str]) -> bool:
    try:
        os.fsencode("".join(row))
    except (TypeError, UnicodeEncodeError):
        return False
    return len(row) == len(columns) and all(
        re.fullmatch(_FORMS.get(name, r"[^\0]*"), value, re.DOTALL)
        for name, value in zip(columns, row, strict=True)
    )


def _packed(row: Iterable[str]) -> bytes:
    text = io.StringIO()
    # With this end of a line, a carriage return in a name is quoted, too.
    csv.writer(text, lineterminator="\r\n").writerow(row)
    # Names of files need not be UTF-8. They come back as the same bytes.
    return text.getvalue().removesuffix("\r\n").encode("utf-8", "surrogateescape") + b"\n"


def _unpacked(row: bytes) -> list[str]:
    text = row.decode("utf-8", "surrogateescape")
    return next(csv.reader(io.StringIO(text, newline="")))
