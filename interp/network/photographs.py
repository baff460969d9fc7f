"""Image files as the pixels that a classifier takes, one or many."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from interp.network.classifier import Classifier
from styletransfer.errors import WorkError
from styletransfer.images import ImageError, Pixels, read_image, to_pixels

Report = Callable[[str], object]

BATCH = 16


def read_pixels(classifier: Classifier, path: Path, report: Report = warnings.warn) -> Tensor:
    """One image file: 1×3×size×size in 0..1, resized and cropped as the classifier wants it.

    What a user should know about the decoding goes to `report`, one line each. Raises ImageError
    for a file that cannot be read.
    """
    picture = read_image(path)
    for note in picture.notes:
        report(f"{path}: {note}")
    return classifier.preprocess(picture)


def read_batches(
    classifier: Classifier,
    paths: Sequence[Path],
    report: Report = warnings.warn,
    *,
    batch: int = BATCH,
) -> Iterator[tuple[list[int], Tensor]]:
    """Batches of image files: their indices in `paths`, and n×3×size×size in 0..1.

    A file that cannot be read is told to `report` and left out. Only one batch is in memory.
    Raises WorkError at the end if not one of `paths` could be read.
    """
    read = 0
    indices: list[int] = []
    images: list[Tensor] = []
    for index, path in enumerate(paths):
        try:
            images.append(read_pixels(classifier, path, report))
            indices.append(index)
        except ImageError as error:
            report(f"Error: {error}")
        if images and (len(images) == batch or index == len(paths) - 1):
            yield indices, torch.cat(images)
            read += len(images)
            indices, images = [], []
    if not read:
        raise WorkError("none of the images can be read")


def shown(image: Tensor) -> Pixels:
    """A 3×H×W or 1×3×H×W tensor in 0..1 as uint8 H×W×3, clipped, for a figure."""
    return to_pixels(image.detach().cpu().numpy())
