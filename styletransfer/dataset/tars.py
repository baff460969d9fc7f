"""WebDataset shards: tar files in which members that differ in their field alone are a sample.

The field of a member is what follows the first dot of its name: `jpg`, `cls`, `seg.png`. Images
are the fields that are an image's suffix and no more, so that a mask is not painted.
"""

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from styletransfer.dataset.choice import in_shard
from styletransfer.dataset.plan import Job, OutputNames, Planner, output_name
from styletransfer.dataset.settings import Settings
from styletransfer.dataset.tree import is_image_name
from styletransfer.errors import DataSetError as PlanError

SUFFIX = ".tar"


def expand(text: str) -> list[Path] | None:
    """Return the tar files that a name or a pattern with braces means; None for a folder.

    `{00..12}` counts, `{a,b}` lists. Raises PlanError for a pattern that cannot be read.
    """
    if not text.endswith(SUFFIX) or Path(text).is_dir():
        return None
    from braceexpand import braceexpand

    try:
        paths = [Path(path) for path in braceexpand(text)]
    except ValueError:
        raise PlanError(f"{text}: its braces do not match; write {{000..099}}") from None
    if len({path.name for path in paths}) < len(paths):
        raise PlanError(f"{text}: names two files of the same name; give them different ones")
    if len({path.parent for path in paths}) > 1:
        raise PlanError(f"{text}: names files in several folders; give those of one folder")
    return paths


class TarPlan:
    """The jobs of tar files, of whose members only the headers are read here."""

    def __init__(self, paths: Sequence[Path], settings: Settings, styles: Sequence[str]) -> None:
        """`styles` are those of the model. PlanError for a file that is missing."""
        for path in paths:
            if not path.is_file():
                raise PlanError(f"{path}: there is no such tar file")
        self.root = paths[0].parent
        self.paths = paths
        self._planner = Planner(settings, styles)

    def jobs(self, shard: tuple[int, int] = (1, 1)) -> Iterator[Job]:
        """Yield the jobs of a shard, each tar file's outputs in a folder of its name."""
        for path in self.paths:
            for _, job in self._in_tar(path, f"{path.stem}/"):
                if in_shard(job.source, shard):
                    yield job

    def samples(self, number: int) -> Iterator[tuple[str, Job]]:
        """Yield the jobs of one of the tar files, each with the key of its sample, in order."""
        return self._in_tar(self.paths[number], "")

    def _in_tar(self, path: Path, place: str) -> Iterator[tuple[str, Job]]:
        names = OutputNames((), ())
        try:
            with tarfile.open(path, "r:") as tar:
                for member in tar:
                    if member.isreg() and not member.issparse():
                        job = self._job(path.name, place, member.name, names)
                        span = (member.offset_data, member.size)
                        yield sample_key(member.name), replace(job, span=span)
                end = tar.offset
            if end > path.stat().st_size:
                raise EOFError("it is cut short")
        except (tarfile.TarError, OSError, EOFError) as error:
            yield path.name, Job(path.name, (), problem=f"cannot be read to its end ({error})")

    def _job(self, tar: str, place: str, member: str, names: OutputNames) -> Job:
        source = f"{tar}/{member}"
        if PurePosixPath(member).is_absolute() or ".." in PurePosixPath(member).parts:
            return Job(source, (), problem="its name leads out of the folder to write to")
        field = member.rpartition("/")[2].partition(".")[2]
        if is_image_name(f"x.{field}") and "." not in field:
            output = output_name(member, self._planner.settings.format)
            return self._planner.image(source, place + output, names)
        job = self._planner.copy(source, place + member, names)
        if is_image_name(member):
            job = replace(job, note=f"is copied and not stylized, as its field is {field}")
        return job


def sample_key(member: str) -> str:
    """Return the name of a member without its field: what those of one sample have in common."""
    folder, slash, name = member.rpartition("/")
    return folder + slash + name.partition(".")[0]
