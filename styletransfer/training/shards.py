"""WebDataset shards as the source of a run: tar files, here or in a store, one after another.

Batch k of a run depends only on the seed, on k and on the number of lanes, so a run that was
stopped continues with the batches that it would have seen. Libraries of shards read them as
streams: to find batch k they must read all that comes before it. Here each visit to a shard takes
the same number of samples, as many as the first shard has, so the place of a batch is a place in
one shard. A larger shard shows other photographs at its next visit; a smaller one repeats some.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from io import BytesIO
from pathlib import Path
from typing import IO

from styletransfer.dataset.members import MOST_BYTES, Member, read_members
from styletransfer.dataset.storage import FULL, is_local, place
from styletransfer.dataset.tars import check_kind, expand, is_plain, unpacked
from styletransfer.errors import ImageError, ScratchError, TrainingDataError
from styletransfer.images import image_suffixes
from styletransfer.training.sources import Photographs, shuffled

# How often a shard in a store is read before it is given up, and the seconds between.
TRIES, PAUSE = 3, 2.0
# Number of shards in a row that cannot be used, after which a run ends.
MOST_LOST = 8


class Shard:
    """The photographs of one shard.

    A member is a photograph if its field, what follows the first dot of its name, is the suffix of
    an image and no more. So the mask `a.seg.png` of `a.jpg` is none.

    Attributes:
        path: The tar file, which may be in a store.
        problems: A line for each part of it that cannot be used.
    """

    def __init__(
        self,
        path: Path,
        file: IO[bytes] | None,
        members: Sequence[Member],
        problems: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        self.problems = problems
        self._file = file
        self._members = members

    def __len__(self) -> int:
        return len(self._members)

    def name(self, number: int) -> str:
        """Return the path of the tar file, and that of a photograph in it."""
        return f"{self.path}/{self._members[number].name}"

    def open(self, number: int) -> IO[bytes]:
        """Read a photograph. Raises ImageError."""
        member, content = self._members[number], BytesIO()
        assert self._file is not None
        if member.size > MOST_BYTES:
            raise ImageError(f"{self.name(number)}: is of more than {MOST_BYTES >> 30} GB")
        for start, count in member.pieces:
            if start is None:
                content.write(bytes(count))
                continue
            self._file.seek(start)
            if len(piece := self._file.read(count)) < count:
                raise ImageError(f"{self.name(number)}: is cut short; replace the tar file")
            content.write(piece)
        content.seek(0)
        return content

    def only(self, numbers: Iterable[int]) -> "Shard":
        """Return the photographs of some numbers. The file stays the same."""
        return Shard(self.path, self._file, [self._members[number] for number in numbers])

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def read_shard(path: Path, left_out: frozenset[str] = frozenset()) -> Shard:
    """Find the photographs in a shard. One in a store, or compressed, is copied to a spare file.

    A shard that cannot be read, in a store at the third try, has no photographs and a problem.

    Args:
        path: The tar file, which may be in a store.
        left_out: Names of photographs, as `Shard.name` gives them, that do not count.

    Raises:
        ScratchError: There is no room for the copy.
    """
    for left in reversed(range(TRIES)):
        try:
            file, fault = unpacked(path)
            break
        except OSError as error:
            if error.errno in FULL:
                raise ScratchError(
                    f"{tempfile.gettempdir()}: no room for a copy of {path}; set TMPDIR to a "
                    "folder with room for two shards for each worker"
                ) from error
            if is_local(path) or not left:
                lost = f"{path}: cannot be read ({error.strerror or error})"
                return Shard(path, None, (), (lost,))
            time.sleep(PAUSE)
    photographs, problems = [], []
    for member in read_members(file, file.seek(0, os.SEEK_END)):
        if member.name and not _is_photograph(member.name):
            continue
        if member.problem:
            problems.append(f"{path}/{member.name}".rstrip("/") + f": {member.problem}")
        else:
            photographs.append(member)
    photographs = [m for m in photographs if f"{path}/{m.name}" not in left_out]
    if fault:
        problems.append(f"{path}: {fault}")
    if not photographs and not problems:
        problems.append(f"{path}: no photograph in it")
    return Shard(path, file, photographs, tuple(problems))


def read_first(paths: Sequence[str]) -> Shard:
    """Return the first shard of a run. Raises TrainingDataError if it has no photographs."""
    first = read_shard(place(paths[0]))
    if not len(first):
        raise TrainingDataError(f"{first.problems[0]}; put a shard with photographs first")
    return first


class Shards:
    """Shards as the source of a run.

    The batches of a run are dealt to lanes in turn. Each lane visits one shard after another, in a
    shuffle of all of them, and each of them is in one lane. There are as many lanes as processes
    that decode photographs, so each process reads its own shards alone.

    Args:
        paths: The tar files, as text, for a store is opened anew in each process.
        visit: Number of samples that a visit to a shard takes.
        seed: Seed of the shuffle of the shards.
        left_out: Names of photographs that are not dealt.
    """

    def __init__(
        self,
        paths: Sequence[str],
        visit: int,
        seed: int = 0,
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        self._paths = paths
        self._visit = visit
        self._seed = seed
        self._left_out = left_out
        self._current = -1
        self._opened: dict[int, Shard] = {}
        self._ahead: tuple[int, Future[Shard]] | None = None

    def deal(
        self, batch: int, size: int, lanes: int, skipped: list[str]
    ) -> Iterator[tuple[Photographs, int]]:
        """Yield the shard that a batch is drawn from, then those that take its place.

        Raises:
            TrainingDataError: Many shards in a row cannot be used.
            ScratchError: There is no room for the copy of a shard.
        """
        turn, lane = divmod(batch, lanes)
        batches = max(self._visit // size, 1)
        visit, place_in_visit = divmod(turn, batches)
        number = visit * lanes + lane
        epoch, _ = divmod(number, len(self._paths))
        if number != self._current:
            self._begin(number, number + lanes)
        for attempt in range(min(MOST_LOST, len(self._paths))):
            shard = self._shard(number, attempt)
            skipped.extend(shard.problems)
            if len(shard):
                yield shard, (epoch * batches + place_in_visit) * size
        raise TrainingDataError(
            f"{self._paths[self._at(number)]} and the shards after it: no photograph of "
            f"{attempt + 1} shards in a row can be used; the warnings say why"
        )

    def _begin(self, number: int, following: int) -> None:
        """Close the shards of the last visit. Copy the shard of the next one in the background."""
        for shard in self._opened.values():
            shard.close()
        self._opened = {}
        if self._ahead and self._ahead[0] == number:
            self._opened[0] = self._ahead[1].result()
        self._current, self._ahead = number, None
        path = place(self._paths[self._at(following)])
        if not is_plain(path):
            self._ahead = following, _in_background(path, self._left_out)

    def _shard(self, number: int, attempt: int) -> Shard:
        if attempt not in self._opened:
            path = place(self._paths[self._at(number, attempt)])
            self._opened[attempt] = read_shard(path, self._left_out)
        return self._opened[attempt]

    def _at(self, number: int, attempt: int = 0) -> int:
        epoch, position = divmod(number, len(self._paths))
        order = shuffled(self._seed, epoch, len(self._paths))
        return int(order[(position + attempt) % len(order)])


def _in_background(path: Path, left_out: frozenset[str]) -> Future[Shard]:
    future: Future[Shard] = Future()

    def read() -> None:
        try:
            future.set_result(read_shard(path, left_out))
        except BaseException as error:
            future.set_exception(error)

    # A daemon, so that a process that ends does not wait for the copy.
    threading.Thread(target=read, name="next shard", daemon=True).start()
    return future


def find_shards(text: str) -> list[str]:
    """Return the tar files that a name, or a pattern with braces, means.

    Raises:
        TrainingDataError: It means none, or one that is not there.
        DataSetError: The pattern, or the suffix of a file, cannot be used.
    """
    paths = expand(text)
    if paths is None:
        kind = "folder of a store" if "://" in text else "such folder"
        raise TrainingDataError(
            f"{text}: no {kind}; give a folder of this machine, or tar files such as "
            "photos/{000..099}.tar, with --photographs"
        )
    for path in paths:
        if is_local(path):
            if not path.is_file():
                raise TrainingDataError(f"{path}: no such tar file; mend --photographs")
            check_kind(path)
    return [str(path) for path in paths]


def _is_photograph(name: str) -> bool:
    field = name.rpartition("/")[2].partition(".")[2]
    return f".{field.lower()}" in image_suffixes()
