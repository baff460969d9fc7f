"""What is to be written for each file, as the files are found; no engine has a say in it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from styletransfer.dataset.choice import Choice, in_shard
from styletransfer.dataset.settings import SAME, Settings
from styletransfer.dataset.tree import Folder, suffix_of, walk
from styletransfer.errors import DataSetError as PlanError
from styletransfer.images import WRITABLE

RECORD = ".styletransfer.json"
MANIFEST = "manifest.csv"
FAILURES = "failures.csv"
TAKEN = (RECORD, MANIFEST, FAILURES)


@dataclass(frozen=True)
class Target:
    """A file to write, as a path below the destination; without a style it is a plain copy."""

    output: str
    style: str | None = None
    strength: float | None = None


@dataclass(frozen=True)
class Job:
    """A source file, as a path below the source, and what is to be written for it.

    `problem` says why it cannot be done, `note` what the user should know of it. `span` is where
    in a tar file, the first part of `source`, the bytes begin and how many they are.
    """

    source: str
    targets: tuple[Target, ...]
    problem: str | None = None
    note: str | None = None
    span: tuple[int, int] | None = None


class Planner:
    """Decides what one file becomes."""

    def __init__(self, settings: Settings, styles: Sequence[str]) -> None:
        """`styles` are those of the model; PlanError for settings that do not fit them."""
        self.settings = settings
        self._choice = Choice(settings, styles)
        self.folders = style_folders(styles) if self._choice.each else {}

    def image(self, path: str, output: str, names: "OutputNames") -> Job:
        """Return the job of the image at `path`, written to `output` if that is free in `names`.

        Else the new suffix is put behind the old one, and the user is told.
        """
        styles = self._choice.styles(path)
        if not styles:
            return Job(path, (), problem="no row of the table of --style-from names it")
        folder, slash, _ = output.rpartition("/")
        longer = folder + slash + path.rpartition("/")[2] + suffix_of(output)
        name = names.take(output, longer)
        if name is None:
            return Job(path, (), problem=f"another file is written to {output}; rename one of them")
        strength = self._choice.strength(path)
        targets = tuple(Target(self.folders.get(s, "") + name, s, strength) for s in styles)
        note = None if name == output else f"is written to {name}, because {output} is taken"
        return Job(path, targets, note=note)

    def copy(self, path: str, output: str, names: "OutputNames") -> Job:
        """Return the job of a file that is copied as it is, into every style's folder."""
        if names.take(output) is None:
            return Job(path, (), problem=f"another file is written to {output}; rename one of them")
        folders = self.folders.values() or [""]
        return Job(path, tuple(Target(folder + output) for folder in folders))


class FolderPlan:
    """The jobs of a folder, in the order of its walk."""

    def __init__(self, root: Path, settings: Settings, styles: Sequence[str]) -> None:
        """`styles` are those of the model; PlanError for settings that do not fit them."""
        self.root = root
        self._planner = Planner(settings, styles)

    def jobs(self, shard: tuple[int, int] = (1, 1)) -> Iterator[Job]:
        """Yield the jobs of a shard, found one folder at a time; every call walks anew."""
        for folder in walk(self.root):
            for job in self._in_folder(folder):
                if in_shard(job.source, shard):
                    yield job

    def _in_folder(self, folder: Folder) -> Iterator[Job]:
        planner, settings = self._planner, self._planner.settings
        names = OutputNames(folder.folders, () if planner.folders else TAKEN)
        images = [file.path for file in folder.files if file.kind == "image" and not file.problem]
        outputs = {path: output_name(path, settings.format) for path in images}
        # A file whose name needs no change keeps it.
        for path in sorted(images, key=lambda path: outputs[path] != path):
            yield planner.image(path, outputs[path], names)
        for file in folder.files:
            if file.kind == "cycle":
                yield Job(file.path, (), note="leads back to a folder above it; not followed")
            elif file.kind == "other" and not settings.copy_others:
                continue
            elif file.problem:
                yield Job(file.path, (), problem=file.problem)
            elif file.kind == "other":
                yield planner.copy(file.path, file.path, names)


class OutputNames:
    """The names that are taken in one folder of the destination."""

    def __init__(self, folders: Iterable[str], taken: Iterable[str]) -> None:
        self._folders = set(folders)
        self._taken = set(taken)

    def take(self, *paths: str) -> str | None:
        """Return the first of `paths` that is free, and take it; None where none is."""
        for path in paths:
            if path.rpartition("/")[2] not in self._folders and path not in self._taken:
                self._taken.add(path)
                return path
        return None


def output_name(path: str, format: str) -> str:
    """Return the path of the output for an image, with the suffix that its format asks for.

    `same` keeps a suffix that can be written and puts `.png` in the place of any other.
    """
    suffix = suffix_of(path)
    if format == SAME and suffix.lower() in WRITABLE:
        return path
    return path[: len(path) - len(suffix)] + (".png" if format == SAME else f".{format}")


def style_folders(styles: Sequence[str]) -> dict[str, str]:
    """Return the folder of each painting, ending in `/`; PlanError where two have one name."""
    folders = {style: re.sub(r"[^\w.-]+", "-", style) + "/" for style in styles[1:] or styles}
    if len(set(folders.values())) < len(folders):
        raise PlanError("two styles of this model have one folder name; give each by its --style")
    return folders
