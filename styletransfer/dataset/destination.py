"""The folder of the outputs: how a run begins and ends there.

Its record is a file, because torchvision's ImageFolder takes every folder for a class.
The folder `.styletransfer` is there only while a run is not finished.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock

from styletransfer.dataset.journal import LOCK, SUFFIX, lock_dead, remove_dead
from styletransfer.dataset.records import (
    COLUMNS,
    FAILURE_COLUMNS,
    FAILURES,
    LOCK_FILE,
    MANIFEST,
    RECORD,
    TAKEN,
    Records,
    write_rows,
)
from styletransfer.dataset.sources import Source
from styletransfer.dataset.storage import WEB, OutputFolder, OutputStore, is_local
from styletransfer.errors import DataSetError

WORK = ".styletransfer"
LEAST_FREE_BYTES = 16 << 20


def is_own(name: str) -> bool:
    """Tell whether a path below a destination is that of a record, a lock or a journal."""
    return name in TAKEN or name.startswith(f"{WORK}/")


@dataclass(frozen=True)
class Outcome:
    """The numbers of rows in the manifest and in the failures, and the file of the failures."""

    written: int
    failed: int
    failures: Path


class Destination:
    """A folder of outputs, with its record, manifest and failures.

    `tars` are the names of the tar files in it, if the outputs go into tar files. Then the path of
    an output begins with one of them. A folder in a store has its journals on this machine.
    """

    def __init__(self, folder: Path, tars: Sequence[str] = ()) -> None:
        self.folder = folder
        self.tars = tars
        self.record = folder / RECORD
        self.files = OutputFolder(folder) if is_local(folder) else OutputStore(folder)
        self._home = None if is_local(folder) else tempfile.TemporaryDirectory()
        home = Path(self._home.name) if self._home else folder
        self.work = home / WORK
        # It stays: a lock that is removed while another process waits for it is none.
        self._lock = home / LOCK_FILE

    def prepare(self, options: dict[str, Any], source: Source, name: str) -> None:
        """Make the folder and the record in it, or check that the record has the same options.

        Args:
            options: The options that decide the outputs.
            source: The source.
            name: What the call names the source.

        Raises:
            DataSetError: The folder lies inside the source, has other options or another source,
                is full or not writable, or holds other files, which is allowed beside tar files.
                Nothing has been written.
        """
        if str(self.folder).startswith(WEB):
            raise DataSetError(f"{self.folder}: cannot be written to; name a folder or a bucket")
        if source.guarded is not None:
            self._refuse_overlap(source.guarded)
        try:
            if self.check(options):
                self._refuse_other(source, name)
            elif (taken := self._taken()) and not self.check(options):
                raise DataSetError(taken)
            if is_local(self.folder):
                parents = (self.folder, *self.folder.absolute().parents)
                there = next(path for path in parents if path.exists())
                if shutil.disk_usage(there).free < LEAST_FREE_BYTES:
                    raise DataSetError(f"{self.folder}: no space is left there; free some first")
                self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock):
                self.work.mkdir(exist_ok=True)
                if self._read_record() is None:
                    self._write_record({"options": options, "source": name})
        except OSError as error:
            reason = error.strerror or error
            raise DataSetError(f"{self.folder}: cannot be written to ({reason})") from None

    def check(self, options: dict[str, Any]) -> bool:
        """Tell whether there is a record.

        Raises:
            DataSetError: It has other options, or is damaged.
        """
        record = self._read_record()
        if record is None:
            return False
        present = record["options"]
        for name in options:
            if present.get(name) != options[name]:
                was, now = present.get(name), options[name]
                raise DataSetError(
                    f"{self.folder} was begun with {name.replace('_', '-')} {was}, not {now}; "
                    "give the same options, or another destination"
                )
        return True

    def _read_record(self) -> dict[str, Any] | None:
        """Return the record, None if there is none.

        Raises:
            DataSetError: It is damaged.
        """
        try:
            match json.loads(self.record.read_bytes()):
                case {"options": dict(), "source": str()} as record:
                    return dict(record)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, OSError, RecursionError):
            pass
        remedy = "delete it, then give the command of the first run again"
        raise DataSetError(f"{self.record}: is damaged; {remedy}")

    def records(self) -> Records:
        """Return the records of the outputs and the failures."""
        return Records(self.folder, self.work)

    def file(self, output: str) -> str:
        """Return the name of the file that an output is, or of the tar file that it is in."""
        return output.partition("/")[0] if self.tars else output

    def has_unrecorded(self) -> bool:
        """Tell whether a store holds an output without an entry. Its listing is read again."""
        if is_local(self.folder):
            return False
        self.files.refresh()
        records = self.records()
        if self.tars:
            present = filter(self.files.present, self.tars)
            return any(next(records.entries(f"{name}/"), None) is None for name in present)
        names = (name for name in self.files.names() if not is_own(name))
        return any(records.entry(name) is None for name in names)

    def conclude(self) -> "Outcome":
        """Merge all journals into the manifest, the failures and the record.

        Journals of ended processes are removed, and with the last of them the folder of work.

        Raises:
            OSError: A file cannot be written.
        """
        with FileLock(self._lock):
            self.work.mkdir(exist_ok=True)
            left = [*self.work.glob(f"*{SUFFIX}"), *self.work.glob(f"*{LOCK}")]
            dead = {
                path: lock
                for path in {path.with_suffix(LOCK) for path in left}
                if (lock := lock_dead(path)) is not None
            }
            records = self.records()
            present = (e for e in records.entries() if self.files.present(self.file(e.output)))
            rows = (tuple(vars(entry).values()) for entry in present)
            written = self._write_table(MANIFEST, COLUMNS, rows)
            failed = self._write_table(FAILURES, FAILURE_COLUMNS, records.failures())
            counts = {"written": written, "failed": failed}
            self._write_record({**(self._read_record() or {}), "counts": counts})
            for path, lock in dead.items():
                remove_dead(path, lock)
            with suppress(OSError):  # other processes are at work
                self.work.rmdir()
        return Outcome(written, failed, self.folder / FAILURES)

    # An unfinished table lies in the folder of work: a killed process may leave it.
    def _write_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        count = write_rows(self.work / name, columns, rows)
        self.files.publish(self.work / name, name)
        return count

    def _write_record(self, record: dict[str, Any]) -> None:
        with (self.work / RECORD).open("wb") as file:
            file.write(json.dumps(record, indent=1).encode() + b"\n")
        self.files.publish(self.work / RECORD, RECORD)

    def _taken(self) -> str | None:
        """Say that there are files, but no manifest of ours; None where there is none of them."""
        manifest = self.folder / MANIFEST
        if manifest.is_file():
            with manifest.open("rb") as file:
                if file.readline().decode(errors="replace").strip() == ",".join(COLUMNS):
                    return None
        if not self.tars:
            names = (name for name in self.files.names() if not is_own(name))
            fault = f"{self.folder} is not empty; name a new or an empty folder"
            return None if next(names, None) is None else fault
        for name in (*self.tars, MANIFEST, FAILURES):
            if self.files.present(name):
                return f"{self.folder / name} exists already; name tar files in another folder"
        return None

    def _refuse_other(self, source: Source, name: str) -> None:
        """Refuse a source of another name that has none of the first files of the manifest."""
        if (self._read_record() or {}).get("source") == name:
            return
        known = list(islice(self.records().entries(), 100))
        if known and not any(source.holds(e.source, int(e.source_bytes)) for e in known):
            raise DataSetError(f"{self.folder} was made from other files; name another destination")

    def _refuse_overlap(self, source: Path) -> None:
        inside, outside = self.folder.resolve(), source.resolve()
        if inside == outside:
            raise DataSetError(f"{self.folder} is the source itself; give another destination")
        if outside in inside.parents:
            raise DataSetError(f"{self.folder} lies inside {source}; give another destination")
