"""The members of a tar file: links are followed, and the holes of sparse files are filled."""

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO, Any

MOST_BYTES = 1 << 30  # of an image, or of a sparse file
MOST_HEADER = 1 << 20
_LONG_HEADERS = "xgXLK"  # the types whose content tarfile reads into memory
_FAULTS = (tarfile.TarError, OSError, EOFError, ValueError, ArithmeticError, LookupError)

Piece = tuple[int | None, int]  # where bytes begin, None for zeros, and how many they are


@dataclass(frozen=True)
class Member:
    """A member that is no folder: the pieces of its content, or why it has none."""

    name: str
    pieces: tuple[Piece, ...] = ()
    problem: str | None = None
    note: str | None = None

    @property
    def size(self) -> int:
        """The number of bytes."""
        return sum(count for _, count in self.pieces)


class _Header(tarfile.TarInfo):
    """A header. Longer extended headers than `MOST_HEADER` are skipped, not read."""

    oversized = False

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        assert tar.fileobj is not None
        if self.type.decode("latin-1") in _LONG_HEADERS and not 0 <= self.size <= MOST_HEADER:
            if self.size < 0:
                raise tarfile.HeaderError("a header has a negative size")
            tar.fileobj.seek(self.offset + tarfile.BLOCKSIZE - -self.size // 512 * 512)
            try:
                following = self.fromtarfile(tar)
            except tarfile.HeaderError as error:
                raise tarfile.ReadError("nothing follows a large header") from error
            following.oversized = True
            return following
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]


def read_members(file: IO[bytes], size: int) -> Iterator[Member]:
    """Yield the members of an open tar file of `size` bytes, those of one sample together.

    Of several members with one name the last one counts, as for `tar -x`. Each member that cannot
    be used has a problem. If the tar file cannot be read to its end, the last member has an empty
    name and says why.
    """
    headers: dict[str, list[_Header]] = {}
    fault = ""
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as tar:
            while (header := tar.next()) is not None:
                # Or tarfile would read the same members for ever.
                if header.size < 0 or tar.offset <= header.offset:
                    raise tarfile.ReadError("a member has a negative size")
                headers.setdefault(posixpath.normpath(header.name), []).append(header)  # type: ignore[arg-type]
            if tar.offset > size:
                raise EOFError("it is cut short")
    except (*_FAULTS, RecursionError) as error:  # all that tarfile raises for damaged headers
        fault = f"cannot be read to its end ({error})"
    last = {name: same[-1] for name, same in headers.items()}
    samples: dict[str, list[str]] = {}
    for name in last:
        samples.setdefault(sample_key(name), []).append(name)
    for names in samples.values():
        for name in names:
            if not last[name].isdir():
                yield _member(name, last, len(headers[name]))
    if fault:
        yield Member("", problem=fault)


def sample_key(name: str) -> str:
    """Return the name of a member without its field, which begins at the first dot."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _member(name: str, headers: dict[str, _Header], count: int) -> Member:
    header = headers[name]
    if "\0" in name or any(
        path.is_absolute() or path.anchor or ".." in path.parts
        for path in (PurePosixPath(header.name), PureWindowsPath(header.name))
    ):
        return Member(header.name, problem="its name leads out of the folder to write to")
    note = "is in the tar file more than once; the last one is taken" if count > 1 else None
    for _ in range(40):  # links to links, as many as Linux follows
        if header.oversized:
            return Member(name, problem=f"has a header of more than {MOST_HEADER >> 20} MB")
        if header.isdir():
            return Member(name, problem="is a link to a folder; pack the files of that folder")
        if header.isreg():
            return _content(name, header, note)
        if not (header.islnk() or header.issym()):
            return Member(name, problem="is no regular file")
        folder = posixpath.dirname(posixpath.normpath(header.name)) if header.issym() else ""
        target = posixpath.normpath(posixpath.join(folder, header.linkname))
        if target not in headers:
            return Member(name, problem=f"is a link to {target}, which is not in the tar file")
        header = headers[target]
    return Member(name, problem="is a link that leads to itself")


def _content(name: str, header: _Header, note: str | None) -> Member:
    sparse: Any = header.sparse  # a list of pairs, though it is declared as bytes
    if sparse is None:
        return Member(name, ((header.offset_data, header.size),), note=note)
    pieces: list[Piece] = []
    end, data = 0, header.offset_data
    filled = [(start, count) for start, count in sparse if count]  # GNU tar pads with (0, 0)
    for start, count in [*filled, (header.size, 0)]:
        if start < end or count < 0:
            return Member(name, problem="is a damaged sparse file")
        pieces += [(None, start - end), (data, count)]
        end, data = start + count, data + count
    if header.size > MOST_BYTES:
        return Member(name, problem=f"is a sparse file of more than {MOST_BYTES >> 30} GB")
    return Member(name, tuple(piece for piece in pieces if piece[1]), note=note)
