"""Choose the number of tiles of each pass, so that it needs no more memory than allowed."""

from collections.abc import Iterator
from dataclasses import dataclass

from styletransfer.export import OUTPUT
from styletransfer.inference.tiled.graph import Graph, PictureLayout
from styletransfer.inference.tiled.network import TiledNetwork
from styletransfer.inference.tiled.passes import Pass, Ranges
from styletransfer.inference.tiled.probe import IMAGE

# Memory that ONNX Runtime uses, as a multiple of that of the maps that exist at one time.
ALLOCATOR = 2.0
# Least height and width of a tile in pixels.
SMALLEST = 64
# Fixed cost of a tile, as the number of bytes of maps that take equally long.
EACH = 2_000_000


@dataclass(frozen=True)
class TileGrid:
    """Number of tiles of each pass, down and across."""

    counts: tuple[tuple[int, int], ...]


def grid_of_side(network: TiledNetwork, size: tuple[int, int], side: int) -> TileGrid:
    """Return the grid of tiles of about a given size.

    Args:
        network: The network.
        size: Height and width of the picture in pixels.
        side: Side of a tile in pixels.
    """
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
    """Return the grid with the least work whose tiles fit in memory.

    Args:
        network: The network.
        size: Height and width of the picture in pixels.
        room: Number of bytes that the tiles may use.

    Returns:
        The grid, and the number of bytes that its tiles use. That is more than `room` if even the
        smallest tiles do not fit.
    """
    layout = network.graph.layout(*size)
    chosen = [_chosen(network.graph, one, layout, size, room) for one in network.passes]
    return TileGrid(tuple(counts for counts, _ in chosen)), max(taken for _, taken in chosen)


def _chosen(
    graph: Graph, one: Pass, layout: PictureLayout, size: tuple[int, int], room: int
) -> tuple[tuple[int, int], int]:
    """Return the best numbers of tiles for a pass, and the bytes that a tile uses."""
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
    """Yield numbers of tiles along a side, each half as much again as the last, and a tile."""
    most = min(-(-length // SMALLEST), one.most(layout, side))
    count = 1
    while True:
        # The middle tile, because it reads pixels around it on all sides.
        yield count, one.ranges(layout, side, one.shares(layout, side, count, count // 2))
        if count == most:
            return
        count = min(-(-count * 3 // 2), most)


def _band(graph: Graph, one: Pass, rows: Ranges, width: int) -> int:
    """Return the bytes of the rows of pictures in memory while a band of tiles is computed."""
    sources = {IMAGE, graph.padded}.intersection(one.inputs)
    read = max((rows.length(name) for name in sources), default=0)
    # The tiles, their concatenation, the finished rows, and the photograph.
    painted = 4 * rows.length(OUTPUT) if OUTPUT in one.outputs else 0
    return 3 * width * (read + painted)
