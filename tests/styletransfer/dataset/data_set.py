"""Small data sets, and what is on the disk of them afterwards."""

import csv
import hashlib
import io
import multiprocessing
import os
import sys
import tarfile
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from styletransfer.commands.main import cli
from styletransfer.dataset.records import TAKEN
from styletransfer.dataset.tars import packing, unpacked


def save(path: Path, height: int = 6, width: int = 9, seed: int = 0) -> Path:
    """Write a picture of noise, in folders that are made where there are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(levels).save(path)
    return path


def data_set(folder: Path, count: int = 12, classes: int = 3) -> Path:
    """Make a tree of `count` PNG files of two sizes in folders of classes."""
    for number in range(count):
        place = folder / f"class{number % classes}" / f"{number:03d}.png"
        save(place, 6 + 2 * (number % 2), 9, seed=number)
    return folder


def run(*words: object) -> Result:
    """Call stylize-dataset in this process."""
    result = CliRunner().invoke(cli, ["stylize-dataset", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def start(*words: object) -> ForkServerProcess:
    """Call it in a process of its own, which has nothing to import any more and tells nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["onnxruntime", "styletransfer.dataset.run", __name__])
    process = context.Process(target=run_and_exit, args=[str(word) for word in words])
    process.start()
    return process


def run_and_exit(*words: str) -> None:
    """End this process as the command would."""
    sys.exit(run(*words).exit_code)


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too, and their bytes."""
    found = {}
    # Files and folders may go while they are listed, if a run is at work.
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            with suppress(FileNotFoundError):
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def pictures(folder: Path) -> dict[str, bytes]:
    """The files below a folder without those of the record."""
    return outputs(tree(folder))


def outputs(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files without those of the record."""
    return {name: content for name, content in files.items() if name not in TAKEN}


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


def pack(path: Path, members: dict[str, bytes]) -> Path:
    """Write a tar file, compressed as its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with packing(path) as file, tarfile.TarFile(fileobj=file, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def tar_contents(path: Path) -> dict[str, bytes]:
    """The members of a tar file, in their order."""
    with unpacked(path)[0] as file, tarfile.open(fileobj=file, mode="r:") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def failures(folder: Path) -> dict[str, str]:
    """The failed sources and the reasons, each once."""
    found = rows(folder / "failures.csv")
    assert len({row["source"] for row in found}) == len(found)
    return {row["source"]: row["reason"] for row in found}


def check_manifest(folder: Path) -> None:
    """Hold the manifest against the files: all of them, once each, with their very hashes."""
    found = rows(folder / "manifest.csv")
    hashes = {
        name: hashlib.sha256(content).hexdigest() for name, content in pictures(folder).items()
    }
    assert [row["output"] for row in found] == sorted(hashes, key=os.fsencode)
    assert {row["output"]: row["sha256"] for row in found} == hashes
