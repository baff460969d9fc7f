"""Shards of photographs that are gray, so that a crop tells which it is of."""

import io
from pathlib import Path

import webdataset
from PIL import Image

from styletransfer.training.photographs import Batch, PhotographStream
from styletransfer.training.shards import Shards

SIDE = 32


def photograph(level: int) -> bytes:
    """A PNG of one gray level, by which its crops are known again."""
    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (level,) * 3).save(file, "png")
    return file.getvalue()


def write_shard(path: Path, levels: list[int]) -> Path:
    """A shard as webdataset writes them: photographs with a class and a mask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with webdataset.TarWriter(str(path)) as tar:
        for level in levels:
            fields = {"png": photograph(level), "cls": b"1", "seg.png": photograph(255)}
            tar.write({"__key__": f"{level:06}", **fields})
    return path


def stream(paths: list[str], visit: int = 5, **changes: int) -> PhotographStream:
    arguments = {"crop": SIDE, "batch_size": 1, "steps": 20, "seed": 1, **changes}
    return PhotographStream(Shards(paths, visit, arguments["seed"]), **arguments)


def paths_in(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.iterdir())]


def levels(batches: list[Batch]) -> list[int]:
    """The photographs of the samples."""
    return [round(255 * float(image[0, 0, 0])) for batch in batches for image in batch.images]
