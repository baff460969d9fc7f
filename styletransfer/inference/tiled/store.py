"""Store the maps between passes in one scratch file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np

from styletransfer.export import OUTPUT
from styletransfer.images import Array
from styletransfer.inference.tiled.geometry import Range
from styletransfer.inference.tiled.graph import PictureLayout
from styletransfer.inference.tiled.network import TiledNetwork
from styletransfer.inference.tiled.probe import IMAGE
from styletransfer.inference.tiled.scratch import scratch_file

# A map is stored as panels of this many columns, each row by row. So a tile of it is in few pieces
# of the file, even if the map is wide. It reads and writes whole panels, so wider ones
# take more time.
PANEL = 32


@contextmanager
def stored_maps(network: TiledNetwork, layout: PictureLayout) -> Iterator["Store"]:
    """Open the scratch file for one picture.

    Raises:
        ScratchError: There is too little space on disk.
    """
    offsets, size = places(network, layout)
    with scratch_file(size) as file:
        yield Store(file, network, layout, offsets)


class Store:
    """Maps, float32 C×h×w, that are read and written in parts."""

    def __init__(
        self, file: IO[bytes], network: TiledNetwork, layout: PictureLayout, offsets: dict[str, int]
    ) -> None:
        self.file = file
        self.layout = layout
        self.shapes = network.graph.shapes
        self.offsets = offsets

    def read(self, name: str, rows: Range, columns: Range) -> Array:
        """Return a part of a map, 1×C×n×m, or 1×C×nm if it is flattened."""
        channels = self.shapes[name][1]
        out = np.empty((1, channels, rows[1] - rows[0], columns[1] - columns[0]), np.float32)
        for panel, inside, outside in self._panels(name, columns):
            out[0, ..., outside] = self._load(name, rows, panel).transpose(1, 0, 2)[..., inside]
        return out if len(self.shapes[name]) == 4 else out.reshape(1, channels, -1)

    def write(self, name: str, array: Array, rows: Range, columns: Range) -> None:
        """Replace a part of a map."""
        part = array.reshape(array.shape[1], rows[1] - rows[0], columns[1] - columns[0])
        for panel, inside, outside in self._panels(name, columns):
            piece = part[..., outside].transpose(1, 0, 2)
            if piece.shape[2] < panel[1] - panel[0]:
                block = self._load(name, rows, panel)
                block[..., inside] = piece
                piece = block
            self._seek(name, rows[0], panel)
            self.file.write(np.ascontiguousarray(piece).data)

    def _panels(self, name: str, columns: Range) -> Iterator[tuple[Range, slice, slice]]:
        """Yield the columns of each panel, and the wanted part in the panel and in the result."""
        width = self.layout.sizes[name][1]
        for left in range(columns[0] // PANEL * PANEL, columns[1], PANEL):
            right = min(left + PANEL, width)
            first, end = max(left, columns[0]), min(right, columns[1])
            inside = slice(first - left, end - left)
            yield (left, right), inside, slice(first - columns[0], end - columns[0])

    def _load(self, name: str, rows: Range, panel: Range) -> Array:
        """Return rows of a panel, n×C×w."""
        shape = (rows[1] - rows[0], self.shapes[name][1], panel[1] - panel[0])
        block = np.empty(shape, np.float32)
        self._seek(name, rows[0], panel)
        self.file.readinto(block)  # type: ignore[attr-defined]
        return block

    def _seek(self, name: str, row: int, panel: Range) -> None:
        before = self.layout.sizes[name][0] * panel[0] + row * (panel[1] - panel[0])
        self.file.seek(self.offsets[name] + 4 * self.shapes[name][1] * before)


def places(network: TiledNetwork, layout: PictureLayout) -> tuple[dict[str, int], int]:
    """Return the position of each stored map in the scratch file, and the size of the file.

    Maps may share a position if no pass needs both.
    """
    sources = {IMAGE, network.graph.padded, OUTPUT}
    lives: dict[str, list[int]] = {}
    for number, one in enumerate(network.passes):
        for name in {*one.outputs, *one.inputs} - sources:
            lives.setdefault(name, [number, number])[1] = number
    taken: list[tuple[int, int, str]] = []
    for name, (born, _) in lives.items():
        rows, columns = layout.sizes[name]
        size = 4 * network.graph.shapes[name][1] * rows * columns
        start = 0
        for first, end, other in sorted(taken):
            if lives[other][1] >= born and first < start + size and start < end:
                start = end
        taken.append((start, start + size, name))
    return {name: start for start, _, name in taken}, max((end for _, end, _ in taken), default=0)
