"""Names of tar files, their unpacking when they are compressed, and their compression."""

import gzip
import math
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, cast

import zstandard

from styletransfer.dataset.storage import is_local, place, reached
from styletransfer.errors import DataSetError

MOST_FILES = 1_000_000
SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.zst")
_ARCHIVES = (
    ".gz", ".zst", ".bz2", ".xz", ".lz4", ".tbz2", ".txz", ".tzst", ".zip", ".7z", ".rar",
)  # fmt: skip
_NUMBERS = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?")
_LETTERS = re.compile(r"([A-Za-z])\.\.([A-Za-z])(?:\.\.-?\d+)?")
_KINDS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "Zstandard", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


def expand(text: str) -> list[Path] | None:
    """Return the tar files that a name or a pattern with braces means. None means a folder.

    `{00..12}` counts, `{a,b}` lists.

    Raises:
        DataSetError: The pattern cannot be read or means more than `MOST_FILES`, or the suffix is
            that of another archive.
    """
    if "://" not in text and Path(text).is_dir():
        return None
    if not text.endswith(SUFFIXES):
        if text.endswith(_ARCHIVES) or "}." in text:
            raise DataSetError(f"{text}: its suffix is none of {' '.join(SUFFIXES)}")
        return None
    from braceexpand import braceexpand

    try:
        if (count := _how_many(text)) > MOST_FILES:
            raise DataSetError(f"{text}: means {count:,} tar files; give {MOST_FILES:,} at most")
        paths = [place(path) for path in braceexpand(text, escape=os.sep == "/")]
    except ValueError:
        raise DataSetError(f"{text}: its braces do not match; write {{000..099}}") from None
    if len({path.name for path in paths}) < len(paths):
        raise DataSetError(f"{text}: names two files of the same name; give them different ones")
    if len({str(path.parent) for path in paths}) > 1:
        raise DataSetError(f"{text}: names files in several folders; give those of one folder")
    return paths


def _how_many(pattern: str) -> int:
    """Count the names that a pattern with braces means, the innermost braces first."""

    def names(part: str) -> int:  # a pair of braces that was counted has become \0count\0
        return math.prod(map(int, re.findall("\0([0-9]+)\0", part)))

    def counted(braces: re.Match[str]) -> str:
        if span := _NUMBERS.fullmatch(braces[1]):
            first, last, step = (int(number or 1) for number in span.groups())
            return f"\0{abs(last - first) // abs(step or 1) + 1}\0"
        if span := _LETTERS.fullmatch(braces[1]):
            return f"\0{abs(ord(span[1]) - ord(span[2])) + 1}\0"
        return f"\0{sum(map(names, braces[1].split(',')))}\0"

    found = 1
    while found:
        pattern, found = re.subn("{([^{}]*)}", counted, pattern)
    return names(pattern)


def stem(name: str) -> str:
    """Return the name of a tar file without its suffix."""
    return next(name.removesuffix(suffix) for suffix in SUFFIXES[::-1] if name.endswith(suffix))


def check_kind(path: Path) -> None:
    """Refuse a file of this machine that is compressed but named `.tar`.

    Raises:
        DataSetError: It is.
    """
    with path.open("rb") as file:
        head = file.read(6)
    kind = next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), None)
    if kind and path.name.endswith(".tar"):
        ending = {"gzip": ".tar.gz", "Zstandard": ".tar.zst"}.get(kind)
        remedy = f"rename it to {stem(path.name)}{ending}" if ending else "unpack it"
        raise DataSetError(f"{path}: is compressed with {kind}; {remedy}")


def is_plain(path: Path) -> bool:
    """Tell whether a tar file can be read at any place as it is."""
    return is_local(path) and path.name.endswith(".tar")


def unpacked(path: Path) -> tuple[IO[bytes], str | None]:
    """Open a tar file for reading at any place. Return it, and what is wrong with it.

    One that is compressed or in a store is copied to a temporary file without a name. A compressed
    one that is damaged ends where the damage begins.

    Raises:
        OSError: The file cannot be read.
    """
    if is_plain(path):
        return path.open("rb"), None
    copy, fault = cast(IO[bytes], tempfile.TemporaryFile()), None  # noqa: SIM115
    try:
        with _opened(path) as packed, _unpacking(packed, path.name) as content:
            shutil.copyfileobj(content, copy, 1 << 20)
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        fault = f"cannot be read to its end ({error})"
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy, fault


@contextmanager
def packing(path: Path) -> Iterator[IO[bytes]]:
    """Open a tar file for writing, compressed as its suffix says. Equal content is equal bytes."""
    with path.open("wb") as file:
        if path.name.endswith(".tar"):
            yield file
        elif path.name.endswith(".tar.zst"):
            with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as packed:
                yield cast(IO[bytes], packed)
        else:
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                yield cast(IO[bytes], packed)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if is_local(path):
        with path.open("rb") as file:
            yield file
    else:
        with reached(path), path.open("rb") as file:
            yield file


@contextmanager
def _unpacking(packed: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    if name.endswith(".tar"):
        yield packed
    elif name.endswith(".tar.zst"):
        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        with closing(reader):
            yield cast(IO[bytes], reader)
    else:
        with gzip.GzipFile(fileobj=packed) as content:
            yield cast(IO[bytes], content)
