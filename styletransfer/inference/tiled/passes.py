"""A network as a few passes over the picture, one for each level between its norms.

A pass makes the inputs of the norms of its level, whose statistics are those of all its tiles, and
the maps that later passes need. What it reads was stored by an earlier pass, or is computed again
from the picture where that costs less room than storing it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from styletransfer.export.format import OUTPUT
from styletransfer.inference.tiled.geometry import POINTWISE, Range, Uncuttable
from styletransfer.inference.tiled.graph import Graph, Layer, PictureLayout, needed
from styletransfer.inference.tiled.probe import IMAGE

Edge = tuple[str, str]  # the first output of a layer, "" for the end of the pass; and its input

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Ranges:
    """What one tile computes along one side, in rows (or columns) of each map.

    Attributes:
        made: The range of each map that is there.
        taken: The range of it that each layer takes.
    """

    made: Mapping[str, Range]
    taken: Mapping[Edge, Range]

    def length(self, name: str) -> int:
        first, end = self.made[name]
        return end - first


@dataclass(frozen=True)
class Pass:
    """One pass.

    Attributes:
        layers: In order.
        inputs: Maps that it reads: the image, the padded image, or stored ones.
        outputs: Maps that it makes.
        measured: Those outputs whose statistics a norm needs.
        cropped: Where a layer may take less of a map than is there.
    """

    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    measured: tuple[str, ...]
    cropped: set[Edge] = field(default_factory=set)

    def ranges(self, layout: PictureLayout, side: int, wanted: Mapping[str, Range]) -> Ranges:
        """Plan a tile that makes the ranges `wanted` of the outputs; `side` is 0 for rows."""
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
        """Plan `count` tiles along a side, which share the outputs among them."""
        for i in range(count):
            yield self.ranges(layout, side, self.shares(layout, side, count, i))

    def shares(self, layout: PictureLayout, side: int, count: int, place: int) -> dict[str, Range]:
        """The part of each output that is due to tile number `place` of `count`."""
        sizes = {name: layout.sizes[name][side] for name in self.outputs}
        return {
            n: (size * place // count, size * (place + 1) // count) for n, size in sizes.items()
        }

    def most(self, layout: PictureLayout, side: int) -> int:
        """The greatest number of tiles of which none is empty."""
        return min(layout.sizes[name][side] for name in self.outputs)

    def find_crops(self, graph: Graph) -> None:
        """Find the places where a layer takes less of a map than is there."""
        for layer in self.layers:
            if layer.steps is None:
                self.cropped.add((layer.node.output[0], layer.maps[0]))
        # All that repeats along a side has repeated after a few tiles of all sorts.
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
        """Bytes that a tile takes at its peak, counted as if no layer worked in place."""

        def room(name: str) -> int:
            return FLOAT * int(graph.shapes[name][1]) * rows.length(name) * columns.length(name)

        last = {name: i for i, layer in enumerate(self.layers) for name in layer.maps}
        # What is read is there twice: as it was stored, and as an array.
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
        # Statistics take a copy, and so does what is written.
        return max(peak, sum(alive.values()) + 2 * max(map(room, self.outputs)))


def passes_of(graph: Graph) -> list[Pass]:
    """Divide a network into its passes; the last makes the stylized picture."""
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
    """Choose the maps that are stored between passes: all inputs of norms, and few others."""
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
        # Go back from the map, and stop where what must be stored for it is smallest.
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
