"""Read films that FFmpeg decodes."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from styletransfer.errors import FilmError
from styletransfer.images import Pixels
from styletransfer.video.colors import ToRgb, is_full, matrix_of
from styletransfer.video.source import FRAMES_PER_SECOND, Film, Frame
from styletransfer.video.times import Times, runs_by_clock

_STRANGE = (14, 15)  # FFmpeg's numbers of the matrices ICtCp and IPT


class VideoFile(Film):
    """A film that FFmpeg decodes. Its pixels become square, and it is turned upright.

    Where the size changes midway, frames are scaled to the size of the first one.
    """

    def __init__(self, path: Path, short_side: int | None) -> None:
        with _opened(path) as container:
            stream = _film_stream(path, container)
            first = _first_frame(path, container, stream)
            _refuse_strange_colors(path, first)
            aspect = stream.sample_aspect_ratio or Fraction(1)
            width, height = max(1, round(first.width * aspect)), first.height
            self._turns = round((first.rotation or 0) / 90) % 4
            if short_side is not None:
                scale = short_side / min(width, height)
                width, height = max(1, round(width * scale)), max(1, round(height * scale))
            self._size = width, height
            rate = stream.average_rate or stream.guessed_rate or Fraction(FRAMES_PER_SECOND)
            seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
            if not seconds and container.duration:
                seconds = container.duration / av.time_base
            super().__init__(
                path,
                *((height, width) if self._turns % 2 else (width, height)),
                time_base=stream.time_base,
                rate=rate,
                count=stream.frames or round(seconds * rate),
                matrix=matrix_of(first),
                full=is_full(first),
            )

    def frames(self, start: int | None = None) -> Iterator[Frame]:
        to_rgb = ToRgb(*self._size)
        ticks = max(1, round(1 / (self.rate * self.time_base)))
        with _opened(self.path) as container:
            stream = _film_stream(self.path, container)
            stream.thread_type = "AUTO"
            times = Times(container, self.time_base)
            if start and not runs_by_clock(container):
                container.seek(start, stream=stream)
            last: int | None = None
            for frame in self._decoded(container, stream):
                duration = frame.duration or ticks
                pts = times(frame.pts, duration)
                if last is not None and pts <= last:
                    self.skipped += 1
                    continue
                last = pts
                if start is None or pts >= start:
                    yield Frame(self._upright(to_rgb(frame)), pts, duration, self.skipped)
                else:
                    self.skipped = 0  # what is broken before the start does not count

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

    def _upright(self, rgb: Pixels) -> Pixels:
        return np.ascontiguousarray(np.rot90(rgb, self._turns)) if self._turns else rgb


def _opened(path: Path) -> Any:
    try:
        return av.open(os.fspath(path))
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FilmError(f"{path}: not a film that can be read ({reason})") from None


def _film_stream(path: Path, container: Any) -> Any:
    """Return the first video stream that is not a cover picture."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise FilmError(f"{path}: has no video stream; name a file with a film")


def _first_frame(path: Path, container: Any, stream: Any) -> Any:
    packets = container.demux(stream)
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


def _refuse_strange_colors(path: Path, frame: Any) -> None:
    if int(frame.colorspace) in _STRANGE:
        raise FilmError(
            f"{path}: has ICtCp colors, which cannot be read; convert it to SDR BT.709 first, for "
            "example with HandBrake"
        )
