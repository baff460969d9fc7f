"""Calls of the commands in this process, and pictures for them."""

from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from styletransfer.commands.main import cli


def save(path: Path, height: int = 6, width: int = 9, alpha: bool = False) -> Path:
    random = np.random.default_rng(len(path.name))
    pixels = random.integers(0, 256, (height, width, 4 if alpha else 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def load(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def run(*words: object) -> Result:
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def refused(*words: object, status: int = 2) -> str:
    """Run a call that fails before any work, and return the one line that says why."""
    result = run(*words)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr
