"""Photographs that no network here was trained on: two that scikit-learn ships, as evaluated."""

from pathlib import Path

import sklearn
import torch

from styletransfer.evaluation.photographs import read_photograph

FOLDER = Path(sklearn.__file__).parent / "datasets" / "images"
NAMES = ("china.jpg", "flower.jpg")


def photograph(name: str) -> torch.Tensor:
    return read_photograph(FOLDER / name)
