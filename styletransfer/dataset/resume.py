"""Whether an output is still that of its source, and the entry of one whose records are lost."""

from dataclasses import replace
from pathlib import Path

from styletransfer.dataset.journal import Journal
from styletransfer.dataset.plan import FileTask, Target
from styletransfer.dataset.records import Entry
from styletransfer.dataset.settings import file_hash
from styletransfer.dataset.sources import Source
from styletransfer.dataset.stages import Origin, entry
from styletransfer.errors import ImageError
from styletransfer.images import read_size


def is_current(task: FileTask, known: Entry, source: Source, journal: Journal) -> bool:
    """Tell whether a source is the one that an entry knows. The hash decides if its time differs.

    Then the journal gets an entry with the new time.
    """
    spare = journal.scratch / "source"
    try:
        stamp = source.stamp(task)
        if str(stamp.bytes) != known.source_bytes:
            return False
        if stamp.version == known.source_version:
            return True
        if file_hash(source.file(task, spare)) != known.source_sha256:
            return False
    except (ImageError, OSError):
        return False
    finally:
        spare.unlink(missing_ok=True)
    journal.append(replace(known, source_version=stamp.version).line())
    return True


def adopted(
    task: FileTask, target: Target, output: Path, source: Source, journal: Journal
) -> Entry:
    """Return the entry of an output whose records are lost.

    Raises:
        ImageError: The source or the output is no image.
        OSError: The output cannot be read.
    """
    spare = journal.scratch / "source"
    try:
        stamp = source.stamp(task)
        file = source.file(task, spare)
        sizes = () if target.style is None else (*read_size(output), *read_size(file))
        return entry(task, target, output, Origin(stamp, file_hash(file)), sizes)
    finally:
        spare.unlink(missing_ok=True)
