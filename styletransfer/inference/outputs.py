"""Decide which picture is written to which file, and check it before any work is done."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

from styletransfer.errors import OutputError, RequestError
from styletransfer.images import WRITABLE, find_images

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Input:
    """An image to read.

    Attributes:
        path: The file.
        place: Path of its output, relative to the output folder.
    """

    path: Path
    place: Path


@dataclass(frozen=True)
class Task:
    """An image to read and the files to write.

    Attributes:
        source: The image.
        targets: File for each style text.
    """

    source: Path
    targets: dict[str, Path]


def gather(
    paths: Iterable[Path], out: Path, report: Callable[[str], object] = _log.warning
) -> list[Input]:
    """List the images of files and folders.

    The tree of a folder is kept. If `out` is inside a folder, the files below `out` are left out,
    so that a second run does not stylize the results of the first. A file is listed even if it
    cannot be read.

    Args:
        paths: Files and folders.
        out: The output.
        report: Called with a line for each folder where pictures in unreadable formats were passed
            over.

    Raises:
        RequestError: A folder contains no image.
        ImageError: A folder cannot be listed.
    """
    inputs = []
    for path in paths:
        if not _is_folder(path):
            inputs.append(Input(path, Path(path.name)))
            continue
        results = out.resolve() if path.resolve() in out.resolve().parents else None
        found = [
            image
            for image in find_images(path, report)
            if results is None or not image.resolve().is_relative_to(results)
        ]
        if not found:
            raise RequestError(f"{path}: there is no image in this folder")
        inputs.extend(Input(image, image.relative_to(path)) for image in found)
    return inputs


def plan_outputs(
    paths: Sequence[Path],
    out: Path,
    styles: Sequence[str],
    *,
    each: bool,
    overwrite: bool,
    spared: Iterable[Path] = (),
    report: Callable[[str], object] = _log.warning,
) -> list[Task]:
    """Decide which files are written. Nothing is written yet.

    Args:
        paths: Files and folders.
        out: A file if it has the suffix of an image format, otherwise a folder.
        styles: Style texts; only one unless `each`.
        each: Whether to write every input in each of `styles`, with the style in the file name.
        overwrite: Whether to replace existing files. Inputs are never replaced.
        spared: Other files that are never replaced, such as masks.
        report: As for `gather`.

    Raises:
        OutputError: Two inputs would be written to one file, a file would be overwritten, or the
            format cannot be written.
        RequestError: A folder contains no image.
        ImageError: A folder cannot be listed.
    """
    inputs = gather(paths, out, report)
    if is_picture_name(out) and not _is_folder(out):
        if each or len(paths) > 1 or _is_folder(paths[0]):
            raise OutputError(f"{out} is the name of one picture; give a folder for several")
        tasks = [Task(inputs[0].path, {styles[0]: out})]
    else:
        _refuse_other_formats(out)
        tasks = [
            Task(
                each_input.path,
                {style: out / _target(each_input.place, style if each else "") for style in styles},
            )
            for each_input in inputs
        ]
    _refuse_collisions(tasks)
    targets = [target for task in tasks for target in task.targets.values()]
    check_targets([*(one.path for one in inputs), *spared], targets, overwrite=overwrite)
    return tasks


def is_picture_name(path: Path) -> bool:
    """Tell whether the suffix of `path` is that of an image format that can be written."""
    return path.suffix.lower() in WRITABLE


def check_targets(sources: Iterable[Path], targets: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse outputs that would overwrite a file or cannot be written.

    Raises:
        OutputError: A target is one of `sources`, is a folder, exists although `overwrite` is not
            set, or its folder cannot be made or written to.
    """
    read = {_identity(source) for source in sources} - {None}
    present = [target for target in targets if os.path.lexists(_real(target))]
    for target in present:
        if _is_folder(_real(target)):
            raise OutputError(f"{target} is a folder; give the name of a file")
        if _identity(_real(target)) in read:
            raise OutputError(
                f"{target} is an input, and would be overwritten; give another output"
            )
    if present and not overwrite:
        more = f", and {len(present) - 1} more," if len(present) > 1 else ""
        verb, them = ("exist", "them") if more else ("exists", "it")
        raise OutputError(f"{present[0]}{more} {verb} already; --overwrite replaces {them}")
    for folder in dict.fromkeys(target.parent for target in targets):
        _check_folder(folder)


def _check_folder(folder: Path) -> None:
    """Raise OutputError if `folder` cannot be written to, or is missing and cannot be made."""
    for place in (folder, *folder.parents):
        try:
            mode = place.stat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"{folder}: this folder cannot be made ({error.strerror})") from None
        if not S_ISDIR(mode):
            raise OutputError(f"{folder}: this folder cannot be made ({place} is a file)")
        if not os.access(place, os.W_OK | os.X_OK):
            raise OutputError(f"{place}: this folder cannot be written to; give another output")
        return


def _refuse_other_formats(out: Path) -> None:
    """Refuse the name of a picture in a format that cannot be written, such as `out.gif`."""
    if out.suffix and not _is_folder(out):
        from PIL import Image

        if out.suffix.lower() in Image.registered_extensions():
            formats = " ".join(WRITABLE)
            raise OutputError(f"{out}: this format cannot be written; use one of {formats}")


def _target(place: Path, style: str) -> Path:
    suffix = place.suffix if is_picture_name(place) else ".png"
    slug = re.sub(r"[^\w.-]+", "-", style)
    return place.with_name(f"{place.stem}-{slug}{suffix}" if slug else f"{place.stem}{suffix}")


def _refuse_collisions(tasks: Iterable[Task]) -> None:
    written: dict[Path, Path] = {}
    for task in tasks:
        for target in task.targets.values():
            place = _real(target)
            if place in written:
                raise OutputError(
                    f"{written[place]} and {task.source} would both be written to {target}"
                )
            written[place] = task.source


def _real(target: Path) -> Path:
    """Return the real path of `target` with all links in its folders resolved.

    A link called like the target itself is not followed, because it will be replaced.
    """
    return target.parent.resolve() / target.name


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of a file, or None if it cannot be reached."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, or a folder that the user may not open
        return False
