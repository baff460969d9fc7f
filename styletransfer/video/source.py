"""Read frames from a film, an animated WebP, or numbered pictures in a folder."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL import Image, ImageSequence

from styletransfer.errors import FilmError
from styletransfer.images import Pixels, find_images, read_image

_WIDE = (16, 18)  # transfer functions PQ and HLG
_BT2020 = 9
_MATRICES = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601}
_FULL = 2
FRAMES_PER_SECOND = 25  # for numbered pictures


@dataclass(frozen=True)
class Frame:
    """A frame of a film.

    Attributes:
        rgb: uint8 H×W×3 in sRGB.
        pts: Time in ticks.
        duration: Duration in ticks.
    """

    rgb: Pixels
    pts: int
    duration: int


@dataclass
class Film(ABC):
    """A film to read; the base class of the three kinds.

    Attributes:
        path: The file, folder or pattern.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        time_base: Length of a tick in seconds.
        rate: Average number of frames per second.
        count: Approximate number of frames; 0 if it is not known.
        matrix: YUV matrix of the film.
        full: Whether its YUV has the full range 0..255.
        skipped: Number of broken packets.
    """

    path: Path
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    count: int
    matrix: int = Colorspace.ITU709
    full: bool = False
    skipped: int = field(default=0, init=False)

    @abstractmethod
    def frames(self, start: int | None = None) -> Iterator[Frame]:
        """Yield the frames from the time `start` on, in ticks."""


class VideoFile(Film):
    """A film that PyAV decodes."""

    def __init__(self, path: Path, short_side: int | None) -> None:
        with _opened(path) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            _refuse_wide(path, context)
            first = _first_frame(path, container)
            aspect = stream.sample_aspect_ratio or Fraction(1)
            width, height = round(first.width * aspect), first.height
            self._turns = round((first.rotation or 0) / 90) % 4
            if short_side is not None:
                scale = short_side / min(width, height)
                width, height = max(1, round(width * scale)), max(1, round(height * scale))
            self._size = width, height
            self._default = Colorspace.ITU709 if first.height >= 720 else Colorspace.ITU601
            rate = stream.average_rate or stream.guessed_rate or Fraction(FRAMES_PER_SECOND)
            seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
            if not seconds and container.duration:
                seconds = container.duration / av.time_base
            turned = self._turns % 2
            super().__init__(
                path,
                *((height, width) if turned else (width, height)),
                time_base=stream.time_base,
                rate=rate,
                count=stream.frames or round(seconds * rate),
                matrix=self._matrix(first),
                full=_is_full(first),
            )

    def frames(self, start: int | None = None) -> Iterator[Frame]:
        with _opened(self.path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            if start:
                container.seek(start, stream=stream)
            last, ticks = None, max(1, round(1 / (self.rate * self.time_base)))
            for frame in self._decoded(container, stream):
                pts = frame.pts
                if pts is None:
                    pts = 0 if last is None else last + ticks
                if last is not None and pts <= last:
                    continue
                last = pts
                if start is None or pts >= start:
                    yield Frame(self._rgb(frame), pts, frame.duration or ticks)

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield frames. Broken packets are counted and skipped."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:
                self.skipped += 1
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.skipped += 1

    def _rgb(self, frame: Any) -> Pixels:
        width, height = self._size
        scaled = (frame.width, frame.height) != (width, height)
        kind = Interpolation.AREA if scaled else Interpolation.BICUBIC
        converted = frame.reformat(
            width,
            height,
            "rgb24",
            src_colorspace=self._matrix(frame),
            src_color_range=ColorRange.JPEG if _is_full(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=kind | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
        )
        rgb = converted.to_ndarray()
        return np.ascontiguousarray(np.rot90(rgb, self._turns)) if self._turns else rgb

    def _matrix(self, frame: Any) -> int:
        return _MATRICES.get(int(frame.colorspace), self._default)


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


def open_film(path: Path, short_side: int | None = None) -> Film:
    """Open a film, an animated picture, a folder of frames, or a pattern such as `%04d.png`.

    Args:
        path: File, folder or pattern.
        short_side: Short side in pixels to which frames are scaled; None keeps their size.

    Raises:
        FilmError: The film cannot be read.
        ImageError: A frame in a folder cannot be read.
    """
    if path.is_dir() or is_pattern(path):
        return NumberedFrames(path, short_side)
    if not path.is_file():
        raise FilmError(f"{path}: no such file; name a film or a folder of frames")
    if path.suffix.lower() == ".webp":
        return AnimatedWebP(path, short_side)
    return VideoFile(path, short_side)


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


def _opened(path: Path) -> Any:
    try:
        container = av.open(os.fspath(path))
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FilmError(f"{path}: not a film that can be read ({reason})") from None
    if not container.streams.video:
        container.close()
        raise FilmError(f"{path}: has no video stream; name a file with a film")
    return container


def _first_frame(path: Path, container: Any) -> Any:
    packets = container.demux(container.streams.video[0])
    while True:
        try:
            for frame in next(packets).decode():
                return frame
        except StopIteration:
            raise FilmError(
                f"{path}: no frame of this film can be decoded; convert it first"
            ) from None
        except av.FFmpegError:
            continue


def _refuse_wide(path: Path, context: Any) -> None:
    if int(context.color_trc) in _WIDE or int(context.color_primaries) == _BT2020:
        raise FilmError(
            f"{path}: is HDR or has BT.2020 colors; convert it to SDR BT.709 first, for example "
            "with HandBrake"
        )


def _is_full(frame: Any) -> bool:
    return bool(frame.color_range == _FULL or frame.format.name.startswith("yuvj"))


def _scaled(size: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    scale = 1 if short_side is None else short_side / min(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _number(path: Path) -> tuple[int, str]:
    digits = re.findall(r"\d+", path.stem)
    return (int(digits[-1]) if digits else 0, path.name)
