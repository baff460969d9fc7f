"""Which picture is written where, decided and checked before any work is done."""

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
        place: Where its output goes, relative to the output folder.
    """

    path: Path
    place: Path


@dataclass(frozen=True)
class Task:
    """An image to read, and the file to write for each style text."""

    source: Path
    targets: dict[str, Path]


def gather(
    paths: Iterable[Path], out: Path, report: Callable[[str], object] = _log.warning
) -> list[Input]:
    """List the images of files and folders.

    A folder's tree is kept. If a folder holds `out`, what lies below `out` is left out, so that a
    second run does not stylize the results of the first. A file is listed whether it can be read
    or not. `report` is called with a line for each folder in which pictures of formats that
    cannot be read were passed over.

    Raises:
        RequestError: A folder holds no image.
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
    """Decide which file every input is written to. Nothing is made on disk.

    Args:
        paths: Files and folders.
        out: A file, if it has the suffix of an image format and there is one picture to write;
            otherwise a folder.
        styles: Style texts, one if not `each`.
        each: Write every input in all of `styles`, with the style in the file's name.
        overwrite: Replace files that exist. Inputs are never replaced.
        spared: More files that are never replaced, such as masks.
        report: See `gather`.

    Raises:
        OutputError: Two inputs would be written to one file, a file would be overwritten, or the
            format cannot be written.
        RequestError, ImageError: See `gather`.
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
    """Refuse `targets` that would overwrite something or that cannot be written.

    Raises:
        OutputError: A target is one of `sources`, is a folder, exists (without `overwrite`), or
            lies in a folder that cannot be made or written to.
    """
    read = {_identity(source) for source in sources} - {None}
    present = [target for target in targets if os.path.lexists(_real(target))]
    for target in present:
        if _is_folder(_real(target)):
            raise OutputError(f"{target} is a folder, and a picture would be written there")
        if _identity(_real(target)) in read:
            raise OutputError(
                f"{target} is an input, and would be overwritten; give another output"
            )
    if present and not overwrite:
        more = f", and {len(present) - 1} more," if len(present) > 1 else ""
        verb = "exist" if more else "exists"
        raise OutputError(f"{present[0]}{more} {verb} already; --overwrite replaces what is there")
    for folder in dict.fromkeys(target.parent for target in targets):
        _check_folder(folder)


def _check_folder(folder: Path) -> None:
    """Raise OutputError if `folder` cannot be written to, or cannot be made where it is missing."""
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
    """Where `target` will be once its folders, and so what `..` means in it, are made.

    A link of that name is not followed: it is replaced, not written through.
    """
    return target.parent.resolve() / target.name


def _identity(path: Path) -> tuple[int, int] | None:
    """What two paths of one file have in common; None where there is no file to be reached."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, or a folder above it that is closed to the user
        return False
