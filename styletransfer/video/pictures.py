"""Read animated WebP files and numbered pictures as films."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from styletransfer.errors import FilmError
from styletransfer.images import find_images, read_image
from styletransfer.video.source import FRAMES_PER_SECOND, Film, Frame


class AnimatedWebP(Film):
    """An animated WebP, which FFmpeg cannot decode."""

    def __init__(self, path: Path, short_side: int | None) -> None:
        try:
            with Image.open(path) as image:
                width, height = _scaled(image.size, short_side)
                count = getattr(image, "n_frames", 1)
        except OSError as error:
            raise FilmError(f"{path}: not a film that can be read ({error})") from None
        super().__init__(path, width, height, Fraction(1, 1000), Fraction(10), count)

    def frames(self, start: int | None = None) -> Iterator[Frame]:
        now = 0
        with Image.open(self.path) as image:
            for frame in ImageSequence.Iterator(image):
                over = Image.new("RGBA", frame.size, "white")
                rgb = Image.alpha_composite(over, frame.convert("RGBA")).convert("RGB")
                duration = int(frame.info.get("duration", 100)) or 100
                if start is None or now >= start:
                    size = (self.width, self.height)
                    pixels = rgb if rgb.size == size else rgb.resize(size, Image.Resampling.LANCZOS)
                    yield Frame(np.asarray(pixels), now, duration)
                now += duration


class NumberedFrames(Film):
    """Numbered pictures, 25 per second."""

    def __init__(self, path: Path, short_side: int | None) -> None:
        if path.is_dir():
            self._files = sorted(find_images(path), key=_number)
        else:
            self._files = numbered(path)
        if not self._files:
            raise FilmError(f"{path}: there is no picture here; name a folder of numbered frames")
        self._short_side = short_side
        height, width = read_image(self._files[0], short_side=short_side).rgb.shape[:2]
        rate = Fraction(FRAMES_PER_SECOND)
        super().__init__(path, width, height, 1 / rate, rate, len(self._files))

    def frames(self, start: int | None = None) -> Iterator[Frame]:
        for number, file in enumerate(self._files[start or 0 :], start or 0):
            rgb = read_image(file, short_side=self._short_side).rgb
            if rgb.shape != (self.height, self.width, 3):
                size = (self.width, self.height)
                rgb = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
            yield Frame(np.ascontiguousarray(rgb), number, 1)


def is_pattern(path: Path) -> bool:
    """Tell whether a name is a pattern for numbered frames, such as `frame-%04d.png`."""
    return re.search(r"%0?\d*d", path.name) is not None


def numbered(pattern: Path) -> list[Path]:
    """List the files that match a pattern, in the order of their numbers."""
    expression = re.escape(pattern.name)
    expression = re.sub(r"%0?\d*d", r"(\\d+)", expression)
    folder = pattern.parent
    if not folder.is_dir():
        return []
    found = (file for file in folder.iterdir() if re.fullmatch(expression, file.name))
    return sorted(found, key=_number)


def _scaled(size: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    scale = 1 if short_side is None else short_side / min(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _number(path: Path) -> tuple[int, str]:
    digits = re.findall(r"\d+", path.stem)
    return (int(digits[-1]) if digits else 0, path.name)
