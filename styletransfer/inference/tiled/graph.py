"""An ONNX graph for use in tiles: its maps, their sizes, and its norms.

A *map* is a tensor with the rows and columns of the image (1×C×H×W, or 1×C×HW if flattened). The
*level* of a map is the greatest number of instance norms on a path from the image to it. If the
statistics of all norms of lower levels are known, maps of one level can be computed tile by tile.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styletransfer.export import OUTPUT
from styletransfer.inference.tiled.geometry import SAME, Crop, Steps, Uncuttable, steps_of
from styletransfer.inference.tiled.kinds import attributes_of, kinds_of, padding_nodes
from styletransfer.inference.tiled.padding import Padding, find_padding
from styletransfer.inference.tiled.probe import IMAGE, Probe, probe

Size = tuple[int, int]  # rows and columns


@dataclass(frozen=True)
class Layer:
    """A node whose output is a map.

    Attributes:
        node: The ONNX node.
        attributes: Its attributes by name.
        maps: The inputs that are maps.
        level: Level of its output.
        steps: Its steps for rows and columns. None for a Slice, whose position depends on the size
            of the picture.
    """

    node: Any
    attributes: Mapping[str, Any]
    maps: tuple[str, ...]
    level: int
    steps: Steps | None

    @property
    def is_norm(self) -> bool:
        return bool(self.node.op_type == "InstanceNormalization")


@dataclass(frozen=True)
class PictureLayout:
    """The sizes of all maps for one size of pictures.

    Attributes:
        sizes: Rows and columns of each map.
        steps: Steps of each layer, by the name of its first output.
    """

    sizes: Mapping[str, Size]
    steps: Mapping[str, Steps]


class Graph:
    """The layers of a model between its padding and its output.

    Attributes:
        layers: The layers, in the order of execution.
        padding: The padding of the image before the first layer.
        padded: Name of the padded image, or that of the image if there is no padding.
        plain: Nodes that do not depend on the image.
        constants: Initializers and other tensors that are the same for every image.
        shapes: Shapes of all tensors in one run.
    """

    def __init__(self, model: Any, styles: int, open_session: Callable[[bytes], Any]) -> None:
        """Analyze a model by running it on small images.

        Args:
            model: The ONNX model.
            styles: Number of its style weights.
            open_session: Opens a session for the bytes of a model.

        Raises:
            Uncuttable: The network cannot run in tiles.
        """
        from onnx import numpy_helper

        self.model = model
        nodes = list(model.graph.node)
        kinds = kinds_of(nodes)
        initial = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        before, self.padded = padding_nodes(nodes, kinds)
        runs = probe(model, kinds, self.padded, styles, open_session)
        first = runs[0]
        self.shapes = {name: value.shape for name, value in (initial | dict(first.values)).items()}
        self.shapes |= first.shapes
        # Tensors computed from sizes that never change, such as the number of channels.
        fixed = {
            name: first.values[name]
            for name, kind in kinds.items()
            if kind == "size"
            and all(np.array_equal(first.values[name], run.values[name]) for run in runs[1:])
        }
        self.constants = initial | fixed
        self.plain = [n for n in nodes if all(kinds[o] == "plain" for o in n.output if o)]
        self._size_nodes = [
            n for n in nodes if any(kinds[o] == "size" and o not in fixed for o in n.output if o)
        ]
        self._plain = {n: v for n, v in first.values.items() if kinds.get(n) == "plain"}
        self.padding: Padding = find_padding(
            [(run.image, run.padded) for run in runs] if self.padded != IMAGE else []
        )
        self._same: dict[str, str] = {}  # names of maps that are identical to another map
        self.layers = needed(self._layers(nodes, kinds, before), [OUTPUT])
        self.levels = {name: layer.level for layer in self.layers for name in layer.node.output}
        self.levels |= {IMAGE: 0, self.padded: 0}
        if OUTPUT not in self.levels:
            raise Uncuttable("does not compute its output from the image")
        for run in runs:
            self._check_sizes(run)

    def _layers(
        self, nodes: Sequence[Any], kinds: Mapping[str, str], before: set[int]
    ) -> list[Layer]:
        layers: list[Layer] = []
        levels = {IMAGE: 0, self.padded: 0}
        same = self._same
        for place, node in enumerate(nodes):
            if place in before or not any(kinds.get(name) == "map" for name in node.output):
                continue
            node = _renamed(node, same)
            maps = tuple(n for n in dict.fromkeys(node.input) if kinds.get(n) == "map")
            if any(name not in levels for name in maps):
                raise Uncuttable("pads between its layers")
            shapes = [self.shapes[name] for name in (node.input[0], node.output[0])]
            if node.op_type == "Reshape" and shapes[0] == shapes[1] and node.output[0] != OUTPUT:
                same[node.output[0]] = node.input[
                    0
                ]  # it folds a batch of one image into its channels
                continue
            attributes = attributes_of(node)
            layer = Layer(node, attributes, maps, max(levels[name] for name in maps), SAME)
            if node.op_type == "Slice" and not self._slices_channels(node):
                layer = replace(layer, steps=None)
            elif node.op_type != "Slice":
                if node.op_type == "MatMul" and node.input[0] in maps:
                    raise Uncuttable("multiplies maps from the right")
                inputs = [self.shapes[name] for name in node.input if name]
                output = self.shapes[node.output[0]]
                layer = replace(layer, steps=steps_of(node, attributes, inputs, output))
            if layer.is_norm:
                if maps != (node.input[0],):
                    raise Uncuttable("computes the scale of a norm from the picture")
                layer = replace(layer, level=layer.level + 1)
            levels |= {name: layer.level for name in node.output if name}
            layers.append(layer)
        return layers

    def _slices_channels(self, node: Any) -> bool:
        axes = self._known(node.input[3]) if len(node.input) > 3 and node.input[3] else None
        steps = self._known(node.input[4]) if len(node.input) > 4 and node.input[4] else np.ones(1)
        if axes is None or steps is None or not (steps == 1).all():
            raise Uncuttable("slices its maps in an unknown way")
        axes = axes % len(self.shapes[node.input[0]])
        if (axes > 1).all() and len(self.shapes[node.input[0]]) == 4:
            return False
        if (axes == 1).all() and all(self._known(name) is not None for name in node.input[1:3]):
            return True
        raise Uncuttable("slices its maps in an unknown way")

    def _known(self, name: str) -> NDArray[Any] | None:
        """Return the value of a tensor if it is the same for every image, else None."""
        return self.constants.get(name, self._plain.get(name))

    def layout(self, height: int, width: int) -> PictureLayout:
        """Return the sizes of all maps for a picture of a height and a width."""
        add = (self.padding.rows, self.padding.columns)
        padded = (height + sum(add[0]), width + sum(add[1]))
        sizes: dict[str, Size] = {self.padded: padded, IMAGE: (height, width)}
        steps: dict[str, Steps] = {}
        known: dict[str, NDArray[Any]] = {}
        for layer in self.layers:
            name = layer.node.output[0]
            of = layer.steps or self._crop(layer.node, sizes, known)
            inputs = {sizes[one] for one in layer.maps}
            if len(inputs) > 1:
                raise Uncuttable(f"combines maps of different sizes in {layer.node.op_type}")
            rows, columns = inputs.pop()
            size = (of[0].size(rows), of[1].size(columns))
            if min(size) < 1:
                raise Uncuttable("has an empty map for a small picture")
            steps[name] = of
            sizes |= dict.fromkeys((out for out in layer.node.output if out), size)
        return PictureLayout(sizes, steps)

    def _crop(self, node: Any, sizes: Mapping[str, Size], known: dict[str, NDArray[Any]]) -> Steps:
        first, last, axes = (self._value(name, sizes, known) for name in node.input[1:4])
        crops = [Crop(0, side) for side in sizes[node.input[0]]]
        for start, end, axis in zip(first, last, axes % 4, strict=True):
            side = sizes[node.input[0]][axis - 2]
            bounds = slice(int(start), int(end)).indices(side)
            crops[axis - 2] = Crop(bounds[0], bounds[1] - bounds[0])
        return crops[0], crops[1]

    def _value(
        self, name: str, sizes: Mapping[str, Size], known: dict[str, NDArray[Any]]
    ) -> NDArray[Any]:
        """Compute a tensor that depends only on the sizes of maps."""
        value = self._known(name)
        if value is None:
            value = known.get(name)
        if value is not None:
            return value
        node, evaluator = self._size_makers.get(name, (None, None))
        if node is None:
            raise Uncuttable("slices its maps by values of the whole picture")
        if node.op_type == "Shape":
            shape = self.shape_of(self._same.get(node.input[0], node.input[0]), sizes)
            attributes = attributes_of(node)
            value = np.array(shape[attributes.get("start", 0) : attributes.get("end")], np.int64)
            known[name] = value
            return value
        feed = {one: self._value(one, sizes, known) for one in node.input if one}
        known |= zip(node.output, evaluator.run(None, feed), strict=True)
        return known[name]

    def shape_of(self, name: str, sizes: Mapping[str, Size]) -> tuple[int, ...]:
        """Return the shape of a map with the rows and columns in `sizes`."""
        if name not in sizes:
            raise Uncuttable("takes the size of a tensor that is no map")
        rows, columns = sizes[name]
        flat = len(self.shapes[name]) == 3
        return (*self.shapes[name][:2], *((rows * columns,) if flat else (rows, columns)))

    @cached_property
    def _size_makers(self) -> dict[str, tuple[Any, Any]]:
        from onnx.reference import ReferenceEvaluator

        opsets = {one.domain: one.version for one in self.model.opset_import}
        return {
            name: (
                node,
                None if node.op_type == "Shape" else ReferenceEvaluator(node, opsets=opsets),
            )
            for node in self._size_nodes
            for name in node.output
        }

    def _check_sizes(self, run: Probe) -> None:
        layout = self.layout(*run.image.shape[2:])
        for name in layout.sizes.keys() - {IMAGE}:
            if run.shapes[name] != self.shape_of(name, layout.sizes):
                raise Uncuttable(f"has a map of an unexpected size at {name}")
        if layout.sizes[OUTPUT] != run.image.shape[2:]:
            raise Uncuttable("returns a picture of another size")


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of `node` with new names for its inputs."""
    copy = type(node)()
    copy.CopyFrom(node)
    copy.ClearField("input")
    copy.input.extend(names.get(name, name) for name in node.input)
    return copy


def needed(
    layers: Sequence[Layer], outputs: Sequence[str], known: Collection[str] = ()
) -> list[Layer]:
    """Return the layers that are needed for `outputs` if the maps `known` are given."""
    wanted, found = set(outputs), []
    for layer in reversed(layers):
        if wanted.intersection(layer.node.output) - set(known):
            wanted.update(layer.maps)
            found.append(layer)
    return found[::-1]
