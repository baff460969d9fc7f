"""How far the pictures of one model are from those of another."""

import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from tqdm import tqdm

from styletransfer.errors import ImageError, RequestError
from styletransfer.export.format import INPUTS, OUTPUT
from styletransfer.images import Array, find_images, read_image, to_tensor

SIDE = 512  # the short side of the photographs, in pixels
PICTURES = 48  # enough for the mean to settle, and for half a minute on a CPU


@dataclass(frozen=True)
class Deviation:
    """The greatest and the mean absolute difference of two models' pictures, in 0..1."""

    greatest: float
    mean: float


def deviation(
    one: onnx.ModelProto, other: onnx.ModelProto, feeds: Iterable[tuple[Array, Array]]
) -> Deviation:
    """Run both on the CPU on each pair of images N×3×H×W and weights N×S, and compare.

    Raises ValueError where there is no pair.
    """
    sessions = [
        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        for model in (one, other)
    ]
    greatest, total, count = 0.0, 0.0, 0
    for pair in feeds:
        feed = dict(zip(INPUTS, pair, strict=True))
        first, second = (session.run([OUTPUT], feed)[0] for session in sessions)
        difference = np.abs(first - second)
        greatest = max(greatest, float(difference.max()))
        total += float(difference.sum(dtype=np.float64))
        count += difference.size
    if not count:
        raise ValueError("there is nothing to compare the two models on")
    return Deviation(greatest, total / count)


def choose_pictures(folder: Path, styles: int) -> list[tuple[Path, int]]:
    """Choose at most `PICTURES` photographs of `folder`, each with the number of a painted style.

    The styles take turns; where there are few photographs, each meets several styles. One that
    cannot be read is named on stderr and passed over.

    Raises:
        RequestError: There is no such folder, or no image in it that can be read.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder}: no such folder of photographs")
    paths = find_images(folder)
    if not paths:
        raise RequestError(f"{folder}: there is no image in this folder; name one with photographs")
    paths = [path for path in paths[:: math.ceil(len(paths) / PICTURES)] if _can_be_read(path)]
    if not paths:
        raise RequestError(f"{folder}: none of its photographs can be read; name another folder")
    painted = range(1, styles) if styles > 1 else range(1)
    pairs = [
        (path, painted[(place + turn) % len(painted)])
        for turn in range(len(painted))
        for place, path in enumerate(paths)
    ]
    return pairs[:PICTURES]


def photograph_feeds(
    pictures: Iterable[tuple[Path, int]], styles: int
) -> Iterator[tuple[Array, Array]]:
    """Read each photograph with a short side of `SIDE` pixels; give it, and its style's weights.

    Raises ImageError for a file that can't be read.
    """
    for path, style in pictures:
        yield (
            to_tensor(read_image(path, short_side=SIDE).rgb),
            np.eye(styles, dtype=np.float32)[[style]],
        )


def _can_be_read(path: Path) -> bool:
    try:
        read_image(path, short_side=SIDE)
    except ImageError as error:
        tqdm.write(f"skipped {error}", file=sys.stderr)
        return False
    return True
