"""Divide a network into passes over the picture, one for each level between its norms.

A pass computes the inputs of the norms of its level and the maps that later passes need. The
statistics of a norm are those of all tiles together. A pass reads maps that an earlier pass
stored, or computes them again from the picture if that takes less space.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from styletransfer.export import OUTPUT
from styletransfer.inference.tiled.geometry import POINTWISE, Range, Uncuttable
from styletransfer.inference.tiled.graph import Graph, Layer, PictureLayout, needed
from styletransfer.inference.tiled.probe import IMAGE

Edge = tuple[str, str]  # first output of a layer, or "" for the outputs of the pass; and a map

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Ranges:
    """The plan of a tile along one side, in rows (or columns) of each map.

    Attributes:
        made: Range of each map that is computed.
        taken: Range of each map that a layer reads.
    """

    made: Mapping[str, Range]
    taken: Mapping[Edge, Range]

    def length(self, name: str) -> int:
        first, end = self.made[name]
        return end - first


@dataclass(frozen=True)
class Pass:
    """One pass over the picture.

    Attributes:
        layers: The layers in their order.
        inputs: Maps that it reads: the image, the padded image, or stored maps.
        outputs: Maps that it computes.
        measured: Outputs whose statistics a norm needs.
        cropped: Layers and maps of which a layer may read only a part.
    """

    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    measured: tuple[str, ...]
    cropped: set[Edge] = field(default_factory=set)

    def ranges(self, layout: PictureLayout, side: int, wanted: Mapping[str, Range]) -> Ranges:
        """Plan a tile along one side.

        Args:
            layout: Sizes of all maps.
            side: 0 for rows, 1 for columns.
            wanted: Range of each output.
        """
        need = dict(wanted)
        made: dict[str, Range] = {}
        taken: dict[Edge, Range] = {("", name): wanted[name] for name in self.outputs}
        for layer in reversed(self.layers):
            name = layer.node.output[0]
            step = layout.steps[name][side]
            due = _hull([need[out] for out in layer.node.output if out in need])
            made |= dict.fromkeys(layer.node.output, step.gives(due))
            for one in layer.maps:
                taken[name, one] = step.needs(due)
                need[one] = _hull([taken[name, one], *([need[one]] if one in need else [])])
        made |= {name: need[name] for name in self.inputs}
        return Ranges(made, taken)

    def tiles(self, layout: PictureLayout, side: int, count: int) -> Iterator[Ranges]:
        """Plan `count` tiles along a side, which together cover the outputs."""
        for i in range(count):
            yield self.ranges(layout, side, self.shares(layout, side, count, i))

    def shares(self, layout: PictureLayout, side: int, count: int, place: int) -> dict[str, Range]:
        """Return the range of each output for tile number `place` of `count`."""
        sizes = {name: layout.sizes[name][side] for name in self.outputs}
        return {
            n: (size * place // count, size * (place + 1) // count) for n, size in sizes.items()
        }

    def most(self, layout: PictureLayout, side: int) -> int:
        """Return the greatest number of tiles without an empty one."""
        return min(layout.sizes[name][side] for name in self.outputs)

    def find_crops(self, graph: Graph) -> None:
        """Find the maps of which a layer may read only a part."""
        for layer in self.layers:
            if layer.steps is None:
                self.cropped.add((layer.node.output[0], layer.maps[0]))
        # A few tiles of different sizes are enough, because the ranges are periodic.
        layouts = [graph.layout(*size) for size in ((83, 56), (256, 331))]
        for layout, count, side in product(layouts, (1, 2, 3, 5), (0, 1)):
            for ranges in self.tiles(layout, side, min(count, self.most(layout, side))):
                self.cropped.update(
                    edge for edge, part in ranges.taken.items() if part != ranges.made[edge[1]]
                )
        for _, name in self.cropped:
            if len(graph.shapes[name]) != 4:
                raise Uncuttable("crops flattened maps")

    def cost(self, graph: Graph, rows: Ranges, columns: Ranges) -> int:
        """Return the peak memory of a tile in bytes, if no layer works in place."""

        def room(name: str) -> int:
            return FLOAT * int(graph.shapes[name][1]) * rows.length(name) * columns.length(name)

        last = {name: i for i, layer in enumerate(self.layers) for name in layer.maps}
        # An input exists twice: as it was stored, and as an array.
        alive = {name: 2 * room(name) for name in self.inputs}
        peak = 0
        for i, layer in enumerate(self.layers):
            alive |= {name: room(name) for name in layer.node.output}
            copies = sum(
                room(one) for one in layer.maps if (layer.node.output[0], one) in self.cropped
            )
            peak = max(peak, sum(alive.values()) + copies)
            alive = {
                name: size
                for name, size in alive.items()
                if name in self.outputs or name in self.inputs or last.get(name, -1) > i
            }
        # The statistics need a copy, and so does writing.
        return max(peak, sum(alive.values()) + 2 * max(map(room, self.outputs)))


def passes_of(graph: Graph) -> list[Pass]:
    """Divide a network into passes. The last one computes the stylized picture."""
    final = graph.levels[OUTPUT]
    norms = [layer for layer in graph.layers if layer.is_norm]
    measured = dict.fromkeys(layer.maps[0] for layer in norms)
    stored = _stored(graph, list(measured))
    sources = {IMAGE, graph.padded}
    pieces = []
    for level in range(final + 1):
        known = sources | {name for name in stored if graph.levels[name] < level}
        targets = [name for name in stored if graph.levels[name] == level]
        targets += [OUTPUT] if level == final else []
        layers = needed(graph.layers, targets, known)
        read = {name for layer in layers for name in layer.maps} & known
        pieces.append((layers, sorted(read), targets))
    ever = {name for _, inputs, _ in pieces for name in inputs} | {*measured, OUTPUT}
    passes = []
    for layers, inputs, targets in pieces:
        outputs = tuple(name for name in targets if name in ever)
        statistics = tuple(name for name in outputs if name in measured)
        one = Pass(tuple(layers), tuple(inputs), outputs, statistics)
        one.find_crops(graph)
        passes.append(one)
    return passes


def _stored(graph: Graph, measured: Sequence[str]) -> list[str]:
    """Choose the maps to store between passes: all inputs of norms, and few others."""
    makers = {name: layer for layer in graph.layers for name in layer.node.output}
    places = {name: i for i, name in enumerate(makers)}
    crossing = {
        name
        for layer in graph.layers
        for name in layer.maps
        if name in makers and layer.level > graph.levels[name]
    }
    chosen = set(measured)
    free = {IMAGE, graph.padded}

    def price(names: set[str]) -> int:
        return sum(prod(graph.shapes[name]) for name in names - chosen - free)

    for name in sorted(crossing - chosen, key=places.__getitem__):
        front = best = {name}
        cheaply = True
        # Go back from the map, and stop where the maps to store instead are smallest.
        while ahead := [one for one in front if one in makers and one not in chosen]:
            last = max(ahead, key=places.__getitem__)
            layer = makers[last]
            if layer.is_norm:
                break
            front = front - {last} | set(layer.maps)
            simple = layer.steps is None or layer.node.op_type in POINTWISE
            cheaply = cheaply and simple and len(layer.maps) == 1
            if price(front) < price(best) or cheaply:
                best, cheaply = front, True
        chosen |= best - free
    return sorted(chosen, key=places.__getitem__)


def _hull(ranges: Sequence[Range]) -> Range:
    return min(first for first, _ in ranges), max(end for _, end in ranges)
