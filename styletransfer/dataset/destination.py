"""The folder of the outputs: how a run begins and ends there.

Its record is a file, because torchvision's ImageFolder takes every folder for a class.
The folder `.styletransfer` is there only while a run is not finished.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styletransfer.atomic import written_whole
from styletransfer.dataset.journal import SUFFIX, lock_dead
from styletransfer.dataset.records import COLUMNS, FAILURES, MANIFEST, RECORD, Records, write_rows
from styletransfer.errors import DataSetError

WORK = ".styletransfer"
LEAST_FREE_BYTES = 16 << 20


@dataclass(frozen=True)
class Outcome:
    """The numbers of rows in the manifest and in the failures, and the file of the failures."""

    written: int
    failed: int
    failures: Path


class Destination:
    """A folder of outputs, with its record, manifest and failures.

    `tars` are the names of the tar files in it, if the outputs go into tar files. Then the path of
    an output begins with one of them.
    """

    def __init__(self, folder: Path, tars: Sequence[str] = ()) -> None:
        self.folder = folder
        self.tars = tars
        self.work = folder / WORK
        self.record = folder / RECORD

    def prepare(self, options: dict[str, Any], source: Path | None = None) -> None:
        """Make the folder and the record in it, or check that the record has the same options.

        Raises DataSetError, before anything is written, for a folder that holds other files, lies
        inside the folder `source` or around it, has other options, is full or not writable.
        """
        if source is not None:
            self._refuse_overlap(source)
        try:
            if not self.check(options) and self._is_taken() and not self.check(options):
                raise DataSetError(f"{self.folder} is not empty; name a new or an empty folder")
            there = next(p for p in (self.folder, *self.folder.absolute().parents) if p.exists())
            if shutil.disk_usage(there).free < LEAST_FREE_BYTES:
                raise DataSetError(f"{self.folder}: no space is left there; free some first")
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._only_one():
                if self.options() is None:
                    self._write_record(options, {})
        except OSError as error:
            reason = error.strerror or error
            raise DataSetError(f"{self.folder}: cannot be written to ({reason})") from None

    def check(self, options: dict[str, Any]) -> bool:
        """Tell whether there is a record. Raises DataSetError if it has other options."""
        present = self.options()
        if present is None:
            return False
        for name in options:
            if present.get(name) != options[name]:
                was, now = present.get(name), options[name]
                raise DataSetError(
                    f"{self.folder} was begun with {name.replace('_', '-')} {was}, not {now}; "
                    "give the same options, or another destination"
                )
        return True

    def options(self) -> dict[str, Any] | None:
        """Return the recorded options, None without a record. Raises DataSetError."""
        try:
            record = json.loads(self.record.read_bytes())
            options: dict[str, Any] = record["options"]
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError):
            raise DataSetError(f"{self.record}: is damaged; name another destination") from None
        return options

    def records(self) -> Records:
        """Return the records of the outputs and the failures."""
        return Records(self.folder, self.work)

    def path(self, output: str) -> Path:
        """Return the file that an output is, or the tar file that it is in."""
        return self.folder / (output.partition("/")[0] if self.tars else output)

    def conclude(self) -> "Outcome":
        """Merge all journals into the manifest, the failures and the record.

        Journals of ended processes are removed, and with the last of them the folder of work.
        Raises OSError.
        """
        with self._only_one():
            dead = {
                path: file
                for path in sorted(self.work.glob(f"*{SUFFIX}"))
                if (file := lock_dead(path)) is not None
            }
            records = self.records()
            present = (e for e in records.entries() if os.path.lexists(self.path(e.output)))
            rows = (vars(entry).values() for entry in present)
            written = self._write_table(MANIFEST, COLUMNS, rows)
            failed = self._write_table(FAILURES, ("source", "reason"), records.failures())
            self._write_record(self.options() or {}, {"written": written, "failed": failed})
            for path, file in dead.items():
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink()
                file.close()
            for left in self.work.glob("*.tmp"):
                left.unlink()
        with suppress(OSError):  # other processes are at work
            self.work.rmdir()
        return Outcome(written, failed, self.folder / FAILURES)

    # An unfinished table lies in the folder of work: a killed process may leave it.
    def _write_table(self, name: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> int:
        count = write_rows(self.work / name, columns, rows)
        (self.work / name).replace(self.folder / name)
        return count

    def _write_record(self, options: dict[str, Any], counts: dict[str, int]) -> None:
        record = {"options": options, "counts": counts}
        with written_whole(self.work / RECORD) as file:
            file.write(json.dumps(record, indent=1).encode() + b"\n")
        (self.work / RECORD).replace(self.record)

    def _is_taken(self) -> bool:
        return self.folder.exists() and any(e.name != WORK for e in self.folder.iterdir())

    def _refuse_overlap(self, source: Path) -> None:
        inside, outside = self.folder.resolve(), source.resolve()
        if inside == outside:
            raise DataSetError(f"{self.folder} is the source itself; give another destination")
        if outside in inside.parents or inside in outside.parents:
            raise DataSetError(
                f"{self.folder} and {source} lie one inside the other; give another destination"
            )

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Lock out other processes. The last one removes the lock."""
        path = self.work / "lock"
        while True:
            self.work.mkdir(exist_ok=True)
            with suppress(FileNotFoundError), path.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                    try:
                        yield
                    finally:
                        path.unlink()
                    return
