"""Calls of the commands in this process, and pictures for them."""

from pathlib import Path

import numpy as np
from PIL import Image

from styletransfer.commands.main import cli
from tests.calls import calls


def save(path: Path, height: int = 6, width: int = 9, alpha: bool = False) -> Path:
    random = np.random.default_rng(len(path.name))
    pixels = random.integers(0, 256, (height, width, 4 if alpha else 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def load(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


run, refused = calls(cli)
