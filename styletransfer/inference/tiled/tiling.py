"""Stylize a picture tile by tile: the same result as for the whole picture, with little memory.

A network runs in passes, each over all tiles. The maps between passes are in a scratch file. The
statistics of a norm are computed in float64 from those of all tiles.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from styletransfer.export import OUTPUT
from styletransfer.images import Array, Pixels, to_pixels, to_tensor
from styletransfer.inference.tiled.geometry import Range
from styletransfer.inference.tiled.grid import TileGrid
from styletransfer.inference.tiled.network import TiledNetwork
from styletransfer.inference.tiled.probe import IMAGE
from styletransfer.inference.tiled.store import stored_maps


class Rows(Protocol):
    """The pixels of a picture, which are read and written some rows at a time."""

    height: int
    width: int

    def read(self, first: int, last: int) -> Pixels:
        """Return the rows `first` … `last − 1`, uint8 n×W×3."""

    def write(self, first: int, rows: Pixels) -> None:
        """Replace the rows from `first` on."""


class ArrayRows:
    """The rows of a picture in memory."""

    def __init__(self, rgb: Pixels) -> None:
        self.rgb = rgb
        self.height, self.width = rgb.shape[:2]

    def read(self, first: int, last: int) -> Pixels:
        return self.rgb[first:last]

    def write(self, first: int, rows: Pixels) -> None:
        self.rgb[first : first + len(rows)] = rows


def stylize_tiles(
    network: TiledNetwork,
    source: Rows,
    result: Rows,
    weights: Array,
    grid: TileGrid,
    finish: Callable[[Pixels, Pixels], Pixels] | None = None,
    advance: Callable[[float], object] = lambda share: None,
) -> None:
    """Stylize a picture tile by tile.

    Args:
        network: The network.
        source: The photograph.
        result: Takes the stylized picture; it has the size of `source` and is not the same.
        weights: A style row, 1×S.
        grid: Number of tiles of each pass.
        finish: Changes the stylized rows before they are written: `finish(stylized, photograph)`,
            both uint8 n×W×3.
        advance: Called with the fraction of the work that was done since the last call.

    Raises:
        ScratchError: There is too little space on disk. No work has been done then.
    """
    layout = network.graph.layout(source.height, source.width)
    conditions = network.conditions(weights)
    affine: dict[str, tuple[Array, Array]] = {}
    with stored_maps(network, layout) as store:
        for place, (one, (down, across)) in enumerate(
            zip(network.passes, grid.counts, strict=True)
        ):
            moments = {name: _Moments() for name in one.measured}
            columns = list(one.tiles(layout, 1, across))
            for rows in one.tiles(layout, 0, down):
                band = _Band(network, source, one.inputs, rows.made)
                painted = []
                for tile in ((rows, each) for each in columns):
                    maps = {
                        name: band.read(name, tile[1].made[name])
                        if name in band.sources
                        else store.read(name, tile[0].made[name], tile[1].made[name])
                        for name in one.inputs
                    }
                    made = network.run(place, tile, maps, affine, weights)
                    for name, (array, *statistics) in made.items():
                        if statistics:
                            moments[name].add(array.size // array.shape[1], *statistics)
                        if name == OUTPUT:
                            painted.append(to_pixels(array))
                        else:
                            store.write(name, array, *(part.taken["", name] for part in tile))
                    advance(1 / (len(network.passes) * down * across))
                if painted:
                    pixels = np.concatenate(painted, axis=1)
                    first, end = rows.taken["", OUTPUT]
                    if finish is not None:
                        pixels = finish(pixels, source.read(first, end))
                    result.write(first, pixels)
            affine |= {
                norm.name: moments[norm.of].affine(
                    conditions[norm.gamma], conditions[norm.beta], norm.epsilon
                )
                for norm in network.norms
                if norm.of in moments
            }
    network.release()


class _Band:
    """The rows of the picture and of the padded picture that the tiles of one band read."""

    def __init__(
        self,
        network: TiledNetwork,
        source: Rows,
        inputs: Sequence[str],
        rows: Mapping[str, Range],
    ) -> None:
        self.padding = network.graph.padding
        self.sources = {IMAGE, network.graph.padded}
        self.rows = {name: rows[name] for name in inputs if name in self.sources}
        self.size = (source.height, source.width)
        self.source = source
        self.lines: dict[Range, Pixels] = {}

    def read(self, name: str, columns: Range) -> Array:
        if name == IMAGE:
            return to_tensor(self._lines(*self.rows[name])[:, slice(*columns)])
        return to_tensor(self.padding.read(self._lines, self.size, self.rows[name], columns))

    def _lines(self, first: int, end: int) -> Pixels:
        """Return rows of the picture. They are kept, because all tiles of a band read them."""
        if (first, end) not in self.lines:
            self.lines[first, end] = self.source.read(first, end)
        return self.lines[first, end]


class _Moments:
    """Mean and variance of a map, updated tile by tile.

    Reference:
        Chan, Golub and LeVeque 1983, Algorithms for Computing the Sample Variance.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(1)
        self.squares: NDArray[np.float64] = np.zeros(1)

    def add(self, count: int, mean: Array, variance: Array) -> None:
        """Add a tile of `count` pixels."""
        total = self.count + count
        difference = mean.astype(np.float64) - self.mean
        self.squares = (
            self.squares
            + variance.astype(np.float64) * count
            + difference**2 * (self.count * count / total)
        )
        self.mean = self.mean + difference * (count / total)
        self.count = total

    def affine(self, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, Array]:
        """Return the scale and shift of the norm, with the shape of the mean."""
        deviation = np.sqrt(self.squares / self.count + epsilon)
        scale = gamma.reshape(self.mean.shape) / deviation
        shift = beta.reshape(self.mean.shape) - self.mean * scale
        return scale.astype(np.float32), shift.astype(np.float32)
