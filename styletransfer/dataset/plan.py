"""What is written for each file of a data set."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from styletransfer.dataset.choice import Choice
from styletransfer.dataset.members import Piece
from styletransfer.dataset.settings import SAME, Settings
from styletransfer.dataset.tree import suffix_of
from styletransfer.errors import DataSetError
from styletransfer.images import WRITABLE


@dataclass(frozen=True)
class Target:
    """A file to write, as a path below the destination. Without a style it is a plain copy."""

    output: str
    style: str | None = None
    strength: float | None = None


@dataclass(frozen=True)
class Task:
    """A source file, as a path below the source, and the files to write for it.

    `problem` says why it cannot be done. `note` is something that the user should know about it.
    `pieces` are those of the content, for a member of a tar file.
    """

    source: str
    targets: tuple[Target, ...] = ()
    problem: str | None = None
    note: str | None = None
    pieces: tuple[Piece, ...] = ()


class Planner:
    """Decides which files are written for one file."""

    def __init__(self, settings: Settings, styles: Sequence[str]) -> None:
        """Check `settings` for the model's `styles`. Raises DataSetError, StyleError."""
        self.settings = settings
        self._choice = Choice(settings, styles)
        self.folders = style_folders(styles) if self._choice.each else {}

    def image(self, path: str, output: str, names: "OutputNames") -> Task:
        """Return the task of the image at `path`, written to `output` if `names` has it free.

        If it is taken, the new suffix is put behind the old one, and the task has a note.
        """
        styles = self._choice.styles(path)
        if not styles:
            return Task(path, problem="no row of the table of --style-from names it")
        folder, slash, _ = output.rpartition("/")
        longer = folder + slash + path.rpartition("/")[2] + suffix_of(output)
        name = names.take(output, longer)
        if name is None:
            return _collision(path, output)
        strength = self._choice.strength(path)
        targets = tuple(Target(self.folders.get(s, "") + name, s, strength) for s in styles)
        note = None if name == output else f"is written to {name}, because {output} is taken"
        return Task(path, targets, note=note)

    def copy(self, path: str, output: str, names: "OutputNames") -> Task:
        """Return the task of a file that is copied unchanged, into the folder of every style."""
        if names.take(output) is None:
            return _collision(path, output)
        folders = self.folders.values() or [""]
        return Task(path, tuple(Target(folder + output) for folder in folders))


class OutputNames:
    """The names that are taken in one folder of the destination."""

    def __init__(self, folders: Iterable[str] = (), taken: Iterable[str] = ()) -> None:
        self._folders = set(folders)
        self._taken = set(taken)

    def take(self, *paths: str) -> str | None:
        """Take the first of `paths` that is free and return it. Return None if none is free."""
        for path in paths:
            if path.rpartition("/")[2] not in self._folders and path not in self._taken:
                self._taken.add(path)
                return path
        return None


def output_name(path: str, format: str) -> str:
    """Return the path of the output for the image at `path`.

    The format `same` keeps a suffix that can be written, and replaces any other by `.png`.
    """
    suffix = suffix_of(path)
    if format == SAME and suffix.lower() in WRITABLE:
        return path
    return path[: len(path) - len(suffix)] + (".png" if format == SAME else f".{format}")


def style_folders(styles: Sequence[str]) -> dict[str, str]:
    """Return the folder of each painting, ending in `/`. Raises DataSetError if two are equal."""
    folders = {style: re.sub(r"[^\w.-]+", "-", style) + "/" for style in styles[1:] or styles}
    if len(set(folders.values())) < len(folders):
        raise DataSetError("two styles of this model have one folder name; give each with --style")
    return folders


def _collision(path: str, output: str) -> Task:
    return Task(path, problem=f"another file is written to {output}; rename one of them")
