"""The options that decide every byte of a stylized data set."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from styletransfer.dataset.flow import picture_bytes
from styletransfer.errors import DataSetError
from styletransfer.images import DEFAULT_MAX_PIXELS, WRITABLE
from styletransfer.inference.limits import parse_bytes
from styletransfer.inference.model import gallery_path
from styletransfer.inference.providers import AUTO

RANDOM = "random"
EACH = "each"
SAME = "same"
FORMATS = (SAME, *(suffix[1:] for suffix in WRITABLE))


@dataclass(frozen=True)
class Settings:
    """The options that the outputs depend on.

    Args:
        model: An ONNX file made by the export. None means the gallery.
        style: A style, a blend, `random` for one drawn for each file, or `each` for all styles,
            each in a folder of its own.
        style_from: A CSV table of the columns path and style. It takes the place of `style`.
        strength: A number in 0..1, or the ends of a range to draw from for each file.
        seed: Seed of the random styles and strengths.
        preserve_colors: Whether the photographs keep their colors.
        short_side: Short side to scale pictures to first, in pixels, at least 1. None keeps the
            size.
        crop: Whether the middle square of that side is cut out.
        format: `same`, or the suffix to write without its dot.
        quality: Quality of JPEG and WebP, 1 to 100.
        strip: Whether EXIF, XMP and resolution of the photographs are left out.
        copy_others: Whether files that are not images are copied.
        memory: Memory that the pictures may take, such as `2GB`: a picture that needs more is
            stylized in tiles. None means a quarter of the memory of the machine.
        max_pixels: Limit for the pixels of a picture. A picture over it fails.
        provider: Execution provider of ONNX Runtime, or `auto`.

    Raises:
        DataSetError: Two options exclude each other, or one is not of this form.
        RequestError: `memory` is no size.
    """

    model: str | Path | None = None
    style: str | None = None
    style_from: str | Path | None = None
    strength: float | tuple[float, float] = 1.0
    seed: int = 0
    preserve_colors: bool = False
    short_side: int | None = None
    crop: bool = False
    format: str = SAME
    quality: int = 95
    strip: bool = False
    copy_others: bool = False
    memory: str | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    provider: str = AUTO

    def __post_init__(self) -> None:
        low, high = self.strengths
        if not 0.0 <= low <= high <= 1.0:
            raise DataSetError(f"strength {low:g}..{high:g} is not a range within 0..1")
        if self.crop and self.short_side is None:
            raise DataSetError("--crop needs a --short-side, the side of the square")
        if self.style is not None and self.style_from is not None:
            raise DataSetError("give a --style or --style-from, not both")
        if self.format not in FORMATS:
            raise DataSetError(f"format {self.format} is none of {', '.join(FORMATS)}")
        if self.memory is not None:
            parse_bytes(self.memory)

    @property
    def strengths(self) -> tuple[float, float]:
        """The ends of the range of strengths. They are equal for a fixed strength."""
        return self.strength if isinstance(self.strength, tuple) else (self.strength,) * 2

    @property
    def memory_bytes(self) -> int:
        """The memory that the pictures may take, in bytes."""
        return picture_bytes() if self.memory is None else parse_bytes(self.memory)

    def record(self) -> dict[str, Any]:
        """Return the options for the record of a run. Files are known by their SHA-256.

        `memory` is one of them: tiles may change a level of a picture. `max_pixels` is not: it
        decides which pictures fail, and those may be tried again with another limit.
        """
        values = dict(vars(self))
        del values["max_pixels"]
        values["memory"] = None if self.memory is None else self.memory_bytes
        values["model"] = file_hash(self.model or gallery_path())
        values["style_from"] = file_hash(self.style_from) if self.style_from else None
        values["strength"] = list(self.strengths)
        return values


def parse_strength(text: str) -> tuple[float, float]:
    """Read `0.7`, or `0.4..1`, a range to draw from.

    Raises:
        DataSetError: The text is anything else.
    """
    parts = text.split("..")
    try:
        low, high = float(parts[0]), float(parts[-1])
    except ValueError:
        low = high = math.nan
    if len(parts) > 2 or not 0.0 <= low <= high <= 1.0:
        raise DataSetError(f"strength {text} is not a number in 0..1 or a range such as 0.4..1")
    return low, high


def sha256(file: IO[bytes]) -> str:
    """Return the SHA-256 of an open file in hexadecimal."""
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    with Path(path).open("rb") as file:
        return sha256(file)
