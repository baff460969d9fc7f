"""The photographs that a model is judged on, all at nearly one size."""

from pathlib import Path

import torch
from torch import Tensor

from styletransfer.errors import EvaluationDataError
from styletransfer.images import find_images, read_image, to_tensor

SHORT, LONG = 320, 480


def find_photographs(folder: Path) -> list[Path]:
    """The images below `folder`; EvaluationDataError where there is none."""
    if not folder.is_dir():
        raise EvaluationDataError(f"{folder}: no such folder of photographs")
    if not (files := find_images(folder)):
        raise EvaluationDataError(f"{folder}: no photograph in it; add some, unseen in training")
    return files


def read_photograph(path: Path) -> Tensor:
    """1×3×H×W in 0..1: short side 320, the middle of the long side cut out, at most 480.

    Raises ImageError for a file that can't be read.
    """
    rgb = read_image(path, short_side=SHORT).rgb
    top, left = (max(0, size - LONG) // 2 for size in rgb.shape[:2])
    return torch.from_numpy(to_tensor(rgb[top : top + LONG, left : left + LONG]))


def find_paintings(folder: Path, names: list[str]) -> dict[str, Path]:
    """The style image of each of `names`, whose stem is the name; others there don't matter.

    Raises EvaluationDataError for a name without an image, or with two.
    """
    if not folder.is_dir():
        raise EvaluationDataError(f"{folder}: no such folder of style images")
    files = find_images(folder)
    paintings = {}
    for name in names:
        found = [path for path in files if path.stem == name]
        if not found:
            raise EvaluationDataError(
                f"{folder}: no image of the style {name!r}; add its painting as {name}.jpg"
            )
        if len(found) > 1:
            raise EvaluationDataError(f"{found[0]} and {found[1]} are both {name!r}; remove one")
        paintings[name] = found[0]
    return paintings
