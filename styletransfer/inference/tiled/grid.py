"""How many tiles a picture is cut into, so that each pass keeps to the memory that there is."""

from collections.abc import Iterator
from dataclasses import dataclass

from styletransfer.export.format import OUTPUT
from styletransfer.inference.tiled.graph import Graph, PictureLayout
from styletransfer.inference.tiled.network import TiledNetwork
from styletransfer.inference.tiled.passes import Pass, Ranges
from styletransfer.inference.tiled.probe import IMAGE

# ONNX Runtime takes so many times the memory of the maps that are there at one time.
ALLOCATOR = 2.0
# The smallest tile is so many pixels high and wide.
SMALLEST = 64
# Each tile takes as long, beside its maps, as so many bytes of maps.
EACH = 2_000_000


@dataclass(frozen=True)
class TileGrid:
    """How many tiles each pass has, down and across."""

    counts: tuple[tuple[int, int], ...]


def grid_of_side(network: TiledNetwork, size: tuple[int, int], side: int) -> TileGrid:
    """Return the grid of tiles of about `side` pixels, for a picture of a height and a width."""
    layout = network.graph.layout(*size)
    return TileGrid(
        tuple(
            (
                min(-(-size[0] // side), one.most(layout, 0)),
                min(-(-size[1] // side), one.most(layout, 1)),
            )
            for one in network.passes
        )
    )


def grid_within(network: TiledNetwork, size: tuple[int, int], room: int) -> tuple[TileGrid, int]:
    """Return the grid that computes least, of those whose tiles take at most `room` bytes.

    With it comes what its tiles take. That is more than `room` where even the smallest tiles do.
    """
    layout = network.graph.layout(*size)
    chosen = [_chosen(network.graph, one, layout, size, room) for one in network.passes]
    return TileGrid(tuple(counts for counts, _ in chosen)), max(taken for _, taken in chosen)


def _chosen(
    graph: Graph, one: Pass, layout: PictureLayout, size: tuple[int, int], room: int
) -> tuple[tuple[int, int], int]:
    """The best numbers of tiles for a pass, and the bytes that a tile takes."""
    width = size[1]
    fitting: list[tuple[int, tuple[int, int], int]] = []
    least: tuple[int, tuple[int, int]] | None = None
    columns = list(_plans(one, layout, 1, width))
    for down, rows in _plans(one, layout, 0, size[0]):
        for across, tile in columns:
            work = one.cost(graph, rows, tile)
            taken = round(ALLOCATOR * work) + _band(graph, one, rows, width)
            if least is None or taken < least[0]:
                least = taken, (down, across)
            if taken <= room:
                fitting.append(((work + EACH) * down * across, (down, across), taken))
                break
    if fitting:
        _, counts, taken = min(fitting)
        return counts, taken
    assert least is not None
    return least[1], least[0]


def _plans(
    one: Pass, layout: PictureLayout, side: int, length: int
) -> Iterator[tuple[int, Ranges]]:
    """Numbers of tiles along a side, each half as much again as the last; and a tile of them."""
    most = min(-(-length // SMALLEST), one.most(layout, side))
    count = 1
    while True:
        # A tile in the middle: it reads the most around it.
        yield count, one.ranges(layout, side, one.shares(layout, side, count, count // 2))
        if count == most:
            return
        count = min(-(-count * 3 // 2), most)


def _band(graph: Graph, one: Pass, rows: Ranges, width: int) -> int:
    """Bytes of the rows of the picture that are held while the tiles of a band are made."""
    sources = {IMAGE, graph.padded}.intersection(one.inputs)
    read = max((rows.length(name) for name in sources), default=0)
    # Painted, put together, finished, and the photograph beside it.
    painted = 4 * rows.length(OUTPUT) if OUTPUT in one.outputs else 0
    return 3 * width * (read + painted)
