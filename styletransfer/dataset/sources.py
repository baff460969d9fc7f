"""What is read: a folder or WebDataset tar files, as two classes with one interface."""

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from styletransfer.dataset.choice import in_shard
from styletransfer.dataset.grouping import Grouping
from styletransfer.dataset.plan import OutputNames, Planner, Task, output_name
from styletransfer.dataset.records import TAKEN
from styletransfer.dataset.settings import Settings
from styletransfer.dataset.tree import Folder, is_image_name, walk
from styletransfer.errors import DataSetError, ImageError

TAR = ".tar"
Shard = tuple[int, int]
ALL: Shard = (1, 1)


class Source(Protocol):
    """The files of a data set and what is written for them."""

    root: Path
    guarded: Path | None  # a folder that must not hold the outputs

    def tasks(self, shard: Shard = ALL) -> Iterator[Task]:
        """Yield the tasks of a shard, for outputs in a folder. Each call lists the files again."""

    def samples(self, number: int, count: int) -> Iterator[tuple[str, Task]]:
        """Yield the tasks for tar file `number` of `count`, each with the key of its sample."""

    def file(self, task: Task, spare: Path) -> Path:
        """Return a file with the bytes of a task's source: its own, or `spare`, which is written.

        Raises ImageError and OSError.
        """


class FolderSource:
    """A folder. The key of a sample is a path without its suffix."""

    def __init__(self, root: Path, planner: Planner) -> None:
        self.root = root
        self.guarded: Path | None = root
        self._planner = planner
        self._count = 1

    def tasks(self, shard: Shard = ALL) -> Iterator[Task]:
        """Yield the tasks of a shard, one folder after another, in order of the names."""
        for folder in walk(self.root):
            for task in self._in_folder(folder):
                if in_shard(task.source, shard):
                    yield task

    def samples(self, number: int, count: int) -> Iterator[tuple[str, Task]]:
        """Yield the tasks for tar file `number` of `count`, each with the key of its sample."""
        self._count = count
        return self._grouping.samples(number)

    def file(self, task: Task, spare: Path) -> Path:
        """Return the path of the source."""
        return self.root / task.source

    @cached_property
    def _grouping(self) -> Grouping:
        return Grouping(self.tasks(), self._count)

    def _in_folder(self, folder: Folder) -> Iterator[Task]:
        planner, settings = self._planner, self._planner.settings
        names = OutputNames(folder.folders, () if planner.folders else TAKEN)
        images = [file.path for file in folder.files if file.kind == "image" and not file.problem]
        outputs = {path: output_name(path, settings.format) for path in images}
        # A file whose name needs no change keeps it.
        for path in sorted(images, key=lambda path: outputs[path] != path):
            yield planner.image(path, outputs[path], names)
        for file in folder.files:
            if file.kind == "cycle":
                yield Task(file.path, note="leads back to a folder above it; not followed")
            elif file.kind == "other" and not settings.copy_others:
                continue
            elif file.problem:
                yield Task(file.path, problem=file.problem)
            elif file.kind == "other":
                yield planner.copy(file.path, file.path, names)


class TarSource:
    """Tar files in which members that differ in their field alone are a sample.

    The field of a member is what follows the first dot of its name: `jpg`, `cls`, `seg.png`. Only
    a field that is the suffix of an image and no more is stylized, so that a mask is not.
    """

    def __init__(self, paths: Sequence[Path], planner: Planner) -> None:
        """Raises DataSetError for a file that is missing."""
        for path in paths:
            if not path.is_file():
                raise DataSetError(f"{path}: there is no such tar file")
        self.root = paths[0].parent
        self.guarded: Path | None = None
        self._paths = paths
        self._planner = planner

    def tasks(self, shard: Shard = ALL) -> Iterator[Task]:
        """Yield the tasks of a shard. The outputs of each tar file are in a folder of its name."""
        for path in self._paths:
            for _, task in self._in_tar(path, f"{path.stem}/"):
                if in_shard(task.source, shard):
                    yield task

    def samples(self, number: int, count: int) -> Iterator[tuple[str, Task]]:
        """Yield the tasks for tar file `number` of `count`, each with the key of its sample."""
        if count != len(self._paths):
            counts = f"{len(self._paths)} tar files are read and {count} written"
            raise DataSetError(f"{counts}; give as many")
        return self._in_tar(self._paths[number], "")

    def file(self, task: Task, spare: Path) -> Path:
        """Write the bytes of a member to `spare` and return it."""
        start, count = task.span or (0, 0)
        with (self.root / task.source.partition("/")[0]).open("rb") as tar:
            tar.seek(start)
            content = tar.read(count)
        if len(content) < count:
            raise ImageError(f"{self.root / task.source}: is cut short; replace the tar file")
        spare.write_bytes(content)
        return spare

    def _in_tar(self, path: Path, place: str) -> Iterator[tuple[str, Task]]:
        names = OutputNames()
        try:
            with tarfile.open(path, "r:") as tar:
                for member in tar:
                    if member.isreg() and not member.issparse():
                        task = self._task(path.name, place, member.name, names)
                        span = (member.offset_data, member.size)
                        yield sample_key(member.name), replace(task, span=span)
                end = tar.offset
            if end > path.stat().st_size:
                raise EOFError("it is cut short")
        except (tarfile.TarError, OSError, EOFError) as error:
            yield path.name, Task(path.name, problem=f"cannot be read to its end ({error})")

    def _task(self, tar: str, place: str, member: str, names: OutputNames) -> Task:
        source = f"{tar}/{member}"
        if PurePosixPath(member).is_absolute() or ".." in PurePosixPath(member).parts:
            return Task(source, problem="its name leads out of the folder to write to")
        field = member.rpartition("/")[2].partition(".")[2]
        if is_image_name(f"x.{field}") and "." not in field:
            output = output_name(member, self._planner.settings.format)
            return self._planner.image(source, place + output, names)
        task = self._planner.copy(source, place + member, names)
        if is_image_name(member):
            task = replace(task, note=f"is copied and not stylized, as its field is {field}")
        return task


def open_source(text: str, settings: Settings, styles: Sequence[str]) -> Source:
    """Return the source that `text` names. `styles` are those of the model.

    Raises DataSetError where there is none, and DataSetError or StyleError for settings that do
    not fit the model.
    """
    planner = Planner(settings, styles)
    tars = expand(text)
    if tars is not None:
        return TarSource(tars, planner)
    folder = Path(text)
    if not folder.is_dir():
        raise DataSetError(f"{folder}: there is no such folder")
    return FolderSource(folder, planner)


def expand(text: str) -> list[Path] | None:
    """Return the tar files that a name or a pattern with braces means. None means a folder.

    `{00..12}` counts, `{a,b}` lists. Raises DataSetError for a pattern that cannot be read.
    """
    if not text.endswith(TAR) or Path(text).is_dir():
        return None
    from braceexpand import braceexpand

    try:
        paths = [Path(path) for path in braceexpand(text)]
    except ValueError:
        raise DataSetError(f"{text}: its braces do not match; write {{000..099}}") from None
    if len({path.name for path in paths}) < len(paths):
        raise DataSetError(f"{text}: names two files of the same name; give them different ones")
    if len({path.parent for path in paths}) > 1:
        raise DataSetError(f"{text}: names files in several folders; give those of one folder")
    return paths


def sample_key(member: str) -> str:
    """Return the name of a member without its field."""
    folder, slash, name = member.rpartition("/")
    return folder + slash + name.partition(".")[0]
