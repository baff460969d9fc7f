"""Which picture is written where, settled and checked before any work is done."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from styletransfer.images import WRITABLE, find_images


class PlanError(ValueError):
    """A call that cannot be carried out as it stands; the message is one line."""


@dataclass(frozen=True)
class Source:
    """An image to read, and the place of its output below the output folder."""

    path: Path
    place: Path


@dataclass(frozen=True)
class Job:
    """An image to read, and for each style text the file to write."""

    source: Path
    targets: dict[str, Path]


def gather(inputs: Iterable[Path], out: Path) -> list[Source]:
    """List the images of files and folders; a folder's tree is kept in their places.

    What lies below `out` is left out of a folder that holds `out`, so that a second run does not
    stylize the results of the first. A file is listed whether it can be read or not. Raises
    PlanError for a folder without images, ImageError for one that cannot be listed.
    """
    sources = []
    for path in inputs:
        if not _is_folder(path):
            sources.append(Source(path, Path(path.name)))
            continue
        results = out.resolve() if path.resolve() in out.resolve().parents else None
        found = [
            image
            for image in find_images(path)
            if results is None or not image.resolve().is_relative_to(results)
        ]
        if not found:
            raise PlanError(f"{path}: there is no image in this folder")
        sources.extend(Source(image, image.relative_to(path)) for image in found)
    return sources


def plan(
    inputs: Sequence[Path],
    out: Path,
    styles: Sequence[str],
    *,
    each: bool,
    overwrite: bool,
    spared: Iterable[Path] = (),
) -> list[Job]:
    """Settle what every input is written to, in one style or, with `each`, in all of `styles`.

    `out` is a file if it has the suffix of one and there is one picture to write, else a folder.
    The folders are made. Raises PlanError, before anything is made, if two inputs would be written
    to one file, or a file would be overwritten: an input, or one of `spared`, ever, and any other
    without `overwrite`.
    """
    sources = gather(inputs, out)
    if is_picture_name(out) and not _is_folder(out):
        if each or len(inputs) > 1 or _is_folder(inputs[0]):
            raise PlanError(f"{out} is the name of one picture; give a folder for several")
        jobs = [Job(sources[0].path, {styles[0]: out})]
    else:
        jobs = [
            Job(
                source.path,
                {style: out / _target(source.place, style if each else "") for style in styles},
            )
            for source in sources
        ]
    _refuse_collisions(jobs)
    targets = [target for job in jobs for target in job.targets.values()]
    read = [*(source.path for source in sources), *spared]
    prepare(read, targets, overwrite=overwrite)
    return jobs


def is_picture_name(path: Path) -> bool:
    """Tell whether the suffix of `path` is that of an image format that can be written."""
    return path.suffix.lower() in WRITABLE


def prepare(sources: Iterable[Path], targets: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse `targets` that would overwrite something, then make their folders.

    Raises PlanError for a target that is one of `sources`, that is a folder, that exists (without
    `overwrite`), or whose folder cannot be made or written to.
    """
    read = {_identity(source) for source in sources} - {None}
    present = [target for target in targets if os.path.lexists(_real(target))]
    for target in present:
        if _is_folder(_real(target)):
            raise PlanError(f"{target} is a folder, and a picture would be written there")
        if _identity(_real(target)) in read:
            raise PlanError(f"{target} is an input, and would be overwritten; give another output")
    if present and not overwrite:
        more = f", and {len(present) - 1} more," if len(present) > 1 else ""
        verb = "exist" if more else "exists"
        raise PlanError(f"{present[0]}{more} {verb} already; --overwrite replaces what is there")
    for folder in dict.fromkeys(target.parent for target in targets):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlanError(f"{folder}: this folder cannot be made ({error.strerror})") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PlanError(f"{folder}: this folder cannot be written to; give another output")


def _target(place: Path, style: str) -> Path:
    suffix = place.suffix if is_picture_name(place) else ".png"
    slug = re.sub(r"[^\w.-]+", "-", style)
    return place.with_name(f"{place.stem}-{slug}{suffix}" if slug else f"{place.stem}{suffix}")


def _refuse_collisions(jobs: Iterable[Job]) -> None:
    written: dict[Path, Path] = {}
    for job in jobs:
        for target in job.targets.values():
            place = _real(target)
            if place in written:
                raise PlanError(
                    f"{written[place]} and {job.source} would both be written to {target}"
                )
            written[place] = job.source


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
