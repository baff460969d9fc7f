"""Stylization band by band: the result of the whole picture, in little memory.

A network runs in the segments between its norms, each over all bands of rows before the next.
The maps between two segments lie in a scratch file. The statistics of a norm are those of the
bands, put together in float64.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from styletransfer.images import Pixels, to_pixels, to_tensor
from styletransfer.inference.tiled.scratch import scratch_file
from styletransfer.inference.tiled.segments import Array, Segments


class Rows(Protocol):
    """The pixels of a picture, read and written some rows at a time."""

    height: int
    width: int

    def read(self, first: int, last: int) -> Pixels:
        """Rows `first` … `last − 1`: uint8 n×W×3."""

    def write(self, first: int, rows: Pixels) -> None:
        """Replace the rows from `first` on."""


class ArrayRows:
    """The rows of a picture in memory; `result` holds what was written."""

    def __init__(self, rgb: Pixels) -> None:
        self.height, self.width = rgb.shape[:2]
        self.result = rgb.copy()

    def read(self, first: int, last: int) -> Pixels:
        return self.result[first:last]

    def write(self, first: int, rows: Pixels) -> None:
        self.result[first : first + len(rows)] = rows


def stylize_bands(
    segments: Segments,
    rows: Rows,
    weights: Array,
    band: int,
    finish: Callable[[Pixels, Pixels], Pixels] | None = None,
    advance: Callable[[float], object] = lambda share: None,
) -> None:
    """Stylize the picture `rows` in its place, in the style of `weights` (1×S).

    `band` is how many rows of it are worked on at once. `finish(stylized, photograph)`, both
    uint8 n×W×3, has the last word on each band. `advance` is told which share of the work has
    been done since it was last called. Raises ScratchError, before work starts, where the scratch
    file finds no room.
    """
    at_once = max(band // segments.stride, 1)
    share = 1 / (len(segments.middle) + 2)
    conditions = segments.conditions(weights)
    gammas, betas = conditions[::2], conditions[1::2]
    height, width = (
        (side + segments.before + segments.after - segments.first_more) // segments.stride
        for side in (rows.height, rows.width)
    )
    with scratch_file(4 * max(map(len, gammas)) * height * width) as file:
        maps = _Maps(file, (height, width), len(gammas[0]))
        moments = _Moments()
        for first, last in _bands(height, at_once):
            out, mean, variance = segments.first(_padded(segments, rows, first, last))
            maps.write(first, out)
            moments.add(out.shape, mean, variance)
            advance(share * (last - first) / height)
        for k, run in enumerate(segments.middle):
            affine = moments.affine(gammas[k], betas[k], segments.eps[k])
            source, maps = maps, maps.smaller(len(gammas[k + 1]), segments.shrinks[k])
            moments = _Moments()
            for first, last in _bands(maps.height, at_once):
                x = source.read(first, last + segments.shrinks[k])
                out, mean, variance = run(x, *affine, weights)
                maps.write(first, out)
                moments.add(out.shape, mean, variance)
                advance(share * (last - first) / maps.height)
        affine = moments.affine(gammas[-1], betas[-1], segments.eps[-1])
        painted = _Behind(rows, segments.before + segments.after + segments.stride)
        for first, last in _bands(rows.height, at_once * segments.stride):
            cells = first // segments.stride, -(-last // segments.stride) + segments.last_more
            photograph = rows.read(first, last)
            padded = _padded(segments, rows, cells[0], cells[1] + sum(segments.shrinks))
            x = maps.read(*cells)
            (stylized,) = segments.last(x, *affine, padded, to_tensor(photograph), weights)
            pixels = to_pixels(stylized)
            painted.write(first, finish(pixels, photograph) if finish else pixels)
            advance(share * (last - first) / rows.height)
        painted.finish()


class _Behind:
    """Writes bands of a picture once the next ones no longer read the photograph there.

    A band reads `reach` rows above it at the most, at the end of the picture as a mirror image.
    """

    def __init__(self, rows: Rows, reach: int) -> None:
        self.rows = rows
        self.reach = reach
        self.waiting: deque[tuple[int, Pixels]] = deque()

    def write(self, first: int, pixels: Pixels) -> None:
        self.waiting.append((first, pixels))
        self._write_before(first + len(pixels) - self.reach)

    def finish(self) -> None:
        self._write_before(self.rows.height)

    def _write_before(self, end: int) -> None:
        while self.waiting and self.waiting[0][0] + len(self.waiting[0][1]) <= end:
            self.rows.write(*self.waiting.popleft())


class _Maps:
    """The maps between two segments, C×h×w float32, in a file, from C planes of `room` (h, w).

    The next, smaller maps are written over them: their row i is made of the rows from i on, and
    bands go from top to bottom, so what is written over has been read.
    """

    def __init__(
        self, file: IO[bytes], room: tuple[int, int], channels: int, shrink: int = 0
    ) -> None:
        self.file = file
        self.room = room
        self.channels = channels
        self.shrink = shrink
        self.height, self.width = (side - shrink for side in room)

    def smaller(self, channels: int, shrink: int) -> "_Maps":
        return _Maps(self.file, self.room, channels, self.shrink + shrink)

    def read(self, first: int, last: int) -> Array:
        """Rows `first` … `last − 1`: 1×C×n×w."""
        out = np.empty((1, self.channels, last - first, self.width), np.float32)
        plane = np.empty((last - first, self.room[1]), np.float32)
        for c in range(self.channels):
            self._seek(c, first)
            self.file.readinto(plane)  # type: ignore[attr-defined]
            out[0, c] = plane[:, : self.width]
        return out

    def write(self, first: int, rows: Array) -> None:
        plane = np.zeros((rows.shape[2], self.room[1]), np.float32)
        for c in range(self.channels):
            plane[:, : self.width] = rows[0, c]
            self._seek(c, first)
            self.file.write(plane.data)

    def _seek(self, channel: int, row: int) -> None:
        self.file.seek(4 * (channel * self.room[0] + row) * self.room[1])


class _Moments:
    """Mean and variance of maps that come in bands (Chan, Golub and LeVeque 1983)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(1)
        self.squares: NDArray[np.float64] = np.zeros(1)

    def add(self, shape: tuple[int, ...], mean: Array, variance: Array) -> None:
        count = shape[2] * shape[3]
        total = self.count + count
        difference = mean.astype(np.float64) - self.mean
        self.squares = (
            self.squares
            + variance.astype(np.float64) * count
            + difference**2 * (self.count * count / total)
        )
        self.mean = self.mean + difference * (count / total)
        self.count = total

    def affine(self, gamma: Array, beta: Array, eps: float) -> tuple[Array, Array]:
        """The norm as x·scale + shift, both 1×C×1×1."""
        deviation = np.sqrt(self.squares / self.count + eps)
        scale = gamma.reshape(1, -1, 1, 1) / deviation
        shift = beta.reshape(1, -1, 1, 1) - self.mean * scale
        return scale.astype(np.float32), shift.astype(np.float32)


def _padded(segments: Segments, rows: Rows, first: int, last: int) -> Array:
    """What `segments.first` reads for the rows `first` … `last − 1` that it writes."""
    start = segments.stride * first - segments.before
    count = segments.stride * (last - first) + segments.first_more
    wanted = np.arange(start, start + count)
    mirrored = _mirrored(wanted, rows.height)
    lowest = int(mirrored.min())
    pixels = rows.read(lowest, int(mirrored.max()) + 1)[mirrored - lowest]
    for outside, border in ((wanted < 0, 0), (wanted >= rows.height, rows.height - 1)):
        if outside.any():
            pixels[outside] = _turned_over(pixels[outside], rows.read(border, border + 1))
    columns = np.arange(-segments.before, rows.width + segments.after)
    wide = pixels[:, _mirrored(columns, rows.width)]
    for outside, border in ((columns < 0, 0), (columns >= rows.width, rows.width - 1)):
        wide[:, outside] = _turned_over(wide[:, outside], pixels[:, border : border + 1])
    return to_tensor(wide)


def _turned_over(mirrored: Pixels, border: Pixels) -> Pixels:
    """What the network's own padding makes of a mirror image."""
    pixels: Pixels = np.clip(2 * border.astype(np.int16) - mirrored, 0, 255).astype(np.uint8)
    return pixels


def _mirrored(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    period = max(2 * size - 2, 1)
    wrapped = index % period
    return np.minimum(np.minimum(wrapped, period - wrapped), size - 1)


def _bands(height: int, at_once: int) -> Iterator[tuple[int, int]]:
    for first in range(0, height, at_once):
        yield first, min(first + at_once, height)
