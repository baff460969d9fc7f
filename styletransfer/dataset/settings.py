"""What decides every byte of a stylized data set: the model and the options of one run."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styletransfer.errors import DataSetError as PlanError
from styletransfer.images import WRITABLE
from styletransfer.inference.model import gallery_path
from styletransfer.inference.providers import AUTO

RANDOM = "random"
EACH = "each"
SAME = "same"
FORMATS = (SAME, *(suffix[1:] for suffix in WRITABLE))


@dataclass(frozen=True)
class Settings:
    """The options that outputs depend on; `style_from` takes the place of `style`.

    `strength` is the range to draw from, its ends equal for a fixed one; `format` is `same` or
    a suffix without its dot; `size` is the short side in pixels, and `crop` cuts the middle
    square of it.
    """

    model: Path | None = None
    style: str | None = None
    style_from: Path | None = None
    strength: tuple[float, float] = (1.0, 1.0)
    seed: int = 0
    preserve_colors: bool = False
    size: int | None = None
    crop: bool = False
    format: str = SAME
    quality: int = 95
    copy_others: bool = False
    provider: str = AUTO

    def record(self) -> dict[str, Any]:
        """Return what a run record holds of these; files are known by the SHA-256 of them."""
        values = dict(vars(self))
        values["model"] = sha256(self.model or gallery_path())
        values["style_from"] = sha256(self.style_from) if self.style_from else None
        values["strength"] = list(self.strength)
        return values


def parse_strength(text: str) -> tuple[float, float]:
    """Read `0.7`, or `0.4..1`, a range to draw from; PlanError for what is not in 0..1."""
    parts = text.split("..")
    try:
        low, high = float(parts[0]), float(parts[-1])
    except ValueError:
        low = high = math.nan
    if len(parts) > 2 or not 0.0 <= low <= high <= 1.0:
        raise PlanError(f"strength {text} is neither a number in 0..1 nor a range such as 0.4..1")
    return low, high


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
