"""What is written for each file of a data set."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import PureWindowsPath

from styletransfer.dataset.choice import Choice
from styletransfer.dataset.members import Piece
from styletransfer.dataset.records import TAKEN
from styletransfer.dataset.settings import SAME, Settings
from styletransfer.dataset.tree import suffix_of
from styletransfer.images import WRITABLE


@dataclass(frozen=True)
class Target:
    """A file to write, as a path below the destination. Without a style it is a plain copy."""

    output: str
    style: str | None = None
    strength: float | None = None


@dataclass(frozen=True)
class FileTask:
    """A source file, as a path below the source, and the files to write for it.

    `problem` says why it cannot be done. `note` is something that the user should know about it.
    `pieces` are those of the content, for a member of a tar file. `unread` is the suffix of a
    picture in a format that cannot be read.
    """

    source: str
    targets: tuple[Target, ...] = ()
    problem: str | None = None
    note: str | None = None
    pieces: tuple[Piece, ...] = ()
    unread: str | None = None


class Planner:
    """Decides which files are written for one file."""

    def __init__(self, settings: Settings, styles: Sequence[str]) -> None:
        """Check `settings` for the model's `styles`.

        Raises:
            DataSetError: No style is given, or the table cannot be read.
            StyleError: The model has no such style.
        """
        self.settings = settings
        self._choice = Choice(settings, styles)
        self.folders = style_folders(styles) if self._choice.each else {}

    def image(self, path: str, output: str, names: "OutputNames") -> FileTask:
        """Return the task of the image at `path`, written to `output` if `names` has it free.

        If it is taken, the new suffix is put behind the old one, and the task has a note.
        """
        styles = self._choice.styles(path)
        if not styles:
            return FileTask(path, problem="no row of the table of --style-from names it")
        folder, slash, _ = output.rpartition("/")
        longer = folder + slash + path.rpartition("/")[2] + suffix_of(output)
        name = names.take(output, longer)
        if name is None:
            return _collision(path, output)
        strength = self._choice.strength(path)
        targets = tuple(Target(self.folders.get(s, "") + name, s, strength) for s in styles)
        note = None if name == output else f"is written to {name}, because {output} is taken"
        return FileTask(path, targets, note=note)

    def copy(self, path: str, output: str, names: "OutputNames") -> FileTask:
        """Return the task of a file that is copied unchanged, into the folder of every style."""
        if names.take(output) is None:
            return _collision(path, output)
        folders = self.folders.values() or [""]
        return FileTask(path, tuple(Target(folder + output) for folder in folders))


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
    """Return the folder of each painting, ending in `/`.

    A name comes from a model, which may be anybody's. What is no letter, digit, `_`, `-`, space or
    inner dot is written as `%` and its bytes in hexadecimal, as in a URL, and so is the first
    character of a name that Windows reserves. Names that are equal, also in another case, too long
    or those of our own files get a part of their hash.
    """
    folders: dict[str, str] = {}
    taken = {name.casefold() for name in TAKEN}
    for style in styles[1:] or styles:
        name = re.sub(r"[^\w. -]|^[. ]|[. ]$", _percent, unicodedata.normalize("NFC", style))
        if PureWindowsPath(name).is_reserved():
            name = re.sub("^.", _percent, name)
        if not name or name.casefold() in taken or len(name.encode()) > 200:
            digest = blake2b(style.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
            name = f"{name.encode()[:100].decode(errors='ignore')}~{digest}"
        taken.add(name.casefold())
        folders[style] = name + "/"
    return folders


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def _collision(path: str, output: str) -> FileTask:
    return FileTask(path, problem=f"another file is written to {output}; rename one of them")
