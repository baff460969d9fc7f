"""Compare the pictures of two models."""

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
from styletransfer.export import INPUTS, OUTPUT
from styletransfer.images import Array, find_images, read_image, to_tensor

SIDE = 512  # short side of the photographs in pixels
PICTURES = 48  # enough for a stable mean; half a minute on a CPU


@dataclass(frozen=True)
class Deviation:
    """Absolute differences between the pictures of two models, in 0..1.

    Attributes:
        greatest: The greatest difference.
        mean: The mean difference.
    """

    greatest: float
    mean: float


def deviation(
    one: onnx.ModelProto, other: onnx.ModelProto, feeds: Iterable[tuple[Array, Array]]
) -> Deviation:
    """Run two models on the CPU and compare their outputs.

    Args:
        one: A model.
        other: The other model.
        feeds: Pairs of images N×3×H×W and style rows N×S.

    Raises:
        ValueError: There is no pair.
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
    """Choose at most `PICTURES` pairs of a photograph and the number of a style.

    The styles take turns. If there are few photographs, each is used with several styles. Stderr
    names photographs that cannot be read.

    Args:
        folder: Folder of photographs.
        styles: Number of styles of the model.

    Raises:
        RequestError: The folder does not exist, or contains no readable image.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder}: no such folder of photographs")
    paths = find_images(folder)
    if not paths:
        raise RequestError(
            f"{folder}: there is no image in this folder; name a folder of photographs"
        )
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
    """Yield photographs scaled to a short side of `SIDE` pixels, and their style rows.

    Args:
        pictures: Pairs from `choose_pictures`.
        styles: Number of styles of the model.

    Raises:
        ImageError: A file cannot be read.
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
