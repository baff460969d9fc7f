"""Where the photographs of a run come from, and how one of them becomes a crop."""

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch
from torch import Tensor

from styletransfer.errors import ImageError, TrainingDataError
from styletransfer.images import DEFAULT_MAX_PIXELS, decode_image, find_images
from styletransfer.images.identify import identify, open_file


class Photographs(Protocol):
    """Photographs that are opened by number."""

    def __len__(self) -> int: ...

    def name(self, number: int) -> str:
        """Return the name of a photograph, for messages."""

    def open(self, number: int) -> AbstractContextManager[IO[bytes]]:
        """Open a photograph. Raises ImageError."""


class Source(Protocol):
    """Deals photographs to the batches of a run."""

    def deal(
        self, batch: int, size: int, lanes: int, skipped: list[str]
    ) -> Iterator[tuple[Photographs, int]]:
        """Yield photographs and the number `first` of the draw with which a batch begins.

        The samples of the batch are the draws `first` … `first + size − 1` of an endless shuffle
        of the photographs. If none of those can be used, the next ones take their place.

        Args:
            batch: Number of the batch, counted over all devices.
            size: Number of samples in each batch.
            lanes: Number of processes that decode photographs. Batch k is decoded by number
                k mod `lanes`.
            skipped: Takes a line for each part of the source that cannot be used.
        """


class Files:
    """Files of this machine, as photographs and as the source of a run.

    Their names are one array of bytes. Objects of Python would be copied into each worker process
    little by little, because to look at an object is to write its count of references.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        encoded = [os.fsencode(path) for path in paths]
        self._ends = np.cumsum([len(path) for path in encoded])
        self._names = np.frombuffer(b"".join(encoded), np.uint8)

    def __len__(self) -> int:
        return len(self._ends)

    def name(self, number: int) -> str:
        """Return the path of a file."""
        start = self._ends[number - 1] if number else 0
        return os.fsdecode(self._names[start : self._ends[number]].tobytes())

    def open(self, number: int) -> IO[bytes]:
        """Open a file. Raises ImageError."""
        return open_file(Path(self.name(number)))

    def deal(
        self, batch: int, size: int, lanes: int, skipped: list[str]
    ) -> Iterator[tuple[Photographs, int]]:
        """Yield these files: all batches are draws of one shuffle."""
        yield self, batch * size


def find_photographs(folder: Path) -> list[Path]:
    """Return the images in `folder` and its subfolders.

    Raises:
        TrainingDataError: There is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise TrainingDataError(f"{folder}: no such folder of photographs")
    if not (files := find_images(folder)):
        raise TrainingDataError(f"{folder}: no photograph in it; add some, a hundred or more")
    return files


def short_side(photographs: Photographs, number: int) -> int:
    """Return the short side of a photograph in pixels, from its header. Raises ImageError."""
    with photographs.open(number) as file:
        return min(identify(file, photographs.name(number), DEFAULT_MAX_PIXELS).size)


def random_crop(
    photographs: Photographs,
    draw: int,
    crop: int,
    seed: int,
    rng: random.Random,
    skipped: list[str],
) -> Tensor | None:
    """Return the crop of one draw, 3×crop×crop in 0..1, or None if no photograph can be used.

    The photograph is scaled at random to a short side between the crop and twice the crop (never
    enlarged), cropped and flipped. If it is corrupt or too small, `skipped` takes a line with its
    name, and the next one of the shuffle takes its place.
    """
    count = len(photographs)
    turn, position = divmod(draw, count)
    order = shuffled(seed, turn, count)
    for attempt in range(count):
        number = int(order[(position + attempt) % count])
        name = photographs.name(number)
        try:
            with photographs.open(number) as file:
                short = min(identify(file, name, DEFAULT_MAX_PIXELS).size)
                if short < crop:
                    raise ImageError(f"{name}: smaller than a crop of {crop} pixels")
                scaled = rng.randint(crop, min(short, 2 * crop))
                file.seek(0)
                pixels = decode_image(file, name=name, short_side=scaled).rgb
        except ImageError as error:
            skipped.append(str(error))
            continue
        top = rng.randint(0, pixels.shape[0] - crop)
        left = rng.randint(0, pixels.shape[1] - crop)
        pixels = pixels[top : top + crop, left : left + crop]
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return _as_tensor(pixels)
    return None


def middle_crop(photographs: Photographs, number: int, crop: int) -> Tensor:
    """Return the middle of a photograph whose short side is scaled to `crop` pixels.

    Returns:
        3×crop×crop in 0..1.

    Raises:
        ImageError: It cannot be read.
    """
    with photographs.open(number) as file:
        pixels = decode_image(file, name=photographs.name(number), short_side=crop).rgb
    top, left = ((side - crop) // 2 for side in pixels.shape[:2])
    return _as_tensor(pixels[top : top + crop, left : left + crop])


@lru_cache(maxsize=4)
def shuffled(seed: int, turn: int, count: int) -> np.ndarray:
    """Return the order of `count` things in turn `turn` of an endless shuffle."""
    return np.random.default_rng([seed, turn]).permutation(count)


def _as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255
