"""Build the ONNX model of a pass, which computes one tile.

Besides maps it has these inputs: `NAME.from` and `NAME.to`, the corners of the part that is cut out
of a map; `NAME.shape`, the shape of a map that was flattened; `NAME.scale` and `NAME.shift`, the
factor and the summand of a norm.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styletransfer.inference.tiled.geometry import Repeat, Uncuttable
from styletransfer.inference.tiled.graph import Graph, Layer
from styletransfer.inference.tiled.passes import Edge, Pass
from styletransfer.inference.tiled.probe import WEIGHTS

ROW = "row"


def cut_name(edge: Edge) -> str:
    """Return the name of the part of a map that a layer reads."""
    layer, name = edge
    return f"{name}.for.{layer}"


def piece_of(graph: Graph, one: Pass) -> bytes:
    """Return the model of a pass.

    Its outputs are those of the pass. After a measured one come its mean and variance.

    Raises:
        Uncuttable: A layer depends on the size of the picture in an unknown way.
    """
    piece = _Piece(graph, one)
    for layer in one.layers:
        piece.add(layer)
    outputs = []
    for name in one.outputs:
        outputs.append(piece.taken(("", name)))
        if name in one.measured:
            outputs += piece.measure(outputs[-1], name)
    return piece.model(outputs)


def conditions_of(graph: Graph, names: Sequence[str]) -> bytes:
    """Return a model of the style row, and of the tensors `names`, which depend only on it."""
    piece = _Piece(graph, None)
    piece._node("Identity", [WEIGHTS], ROW)  # ONNX Runtime refuses a model without nodes
    return piece.model([ROW, *names])


class _Piece:
    """The nodes and inputs of a model that is being built."""

    def __init__(self, graph: Graph, one: Pass | None) -> None:
        self.graph = graph
        self.cropped = one.cropped if one else set()
        self.nodes: list[Any] = []
        self.inputs: dict[str, Any] = {}
        self.opset = max(o.version for o in graph.model.opset_import if o.domain in ("", "ai.onnx"))
        for name in (*(one.inputs if one else ()), WEIGHTS):
            if name == WEIGHTS:
                self._declare(name, np.float32, [1, None])
            else:
                channels = graph.shapes[name][1]
                self._declare(
                    name, np.float32, [1, channels, *[None] * (len(graph.shapes[name]) - 2)]
                )

    def add(self, layer: Layer) -> None:
        """Add the nodes that compute a layer on a tile."""
        node, name = layer.node, layer.node.output[0]
        inputs = [
            self.taken((name, each), output=name if layer.steps is None else None)
            if each in layer.maps
            else each
            for each in node.input
        ]
        if layer.steps is None:
            return
        if layer.is_norm:
            shape = [1, self.graph.shapes[name][1], *[1] * (len(self.graph.shapes[name]) - 2)]
            for key in ("scale", "shift"):
                self._declare(f"{name}.{key}", np.float32, shape)
            self._node("Mul", [inputs[0], f"{name}.scale"], f"{name}.scaled")
            self._node("Add", [f"{name}.scaled", f"{name}.shift"], name)
        elif node.op_type == "Reshape":
            self._reshape(inputs[0], node.input[0], name)
        else:
            if node.op_type == "Resize":
                factors = [step.factor for step in layer.steps if isinstance(step, Repeat)]
                scales = self._constant(f"{name}.scales", np.array([1, 1, *factors], np.float32))
                inputs = [inputs[0], "", scales]
            copy = type(node)()
            copy.CopyFrom(node)
            copy.ClearField("input")
            copy.input.extend(inputs)
            self.nodes.append(copy)

    def taken(self, edge: Edge, output: str | None = None) -> str:
        """Return the name of the part of a map that a layer reads; add a Slice if needed."""
        if edge not in self.cropped:
            return edge[1]
        key = cut_name(edge)
        for bound in ("from", "to"):
            self._declare(f"{key}.{bound}", np.int64, [2])
        if not any(key in node.output or (output and output in node.output) for node in self.nodes):
            axes = self._constant("tile.axes", np.array([2, 3], np.int64))
            self._node("Slice", [edge[1], f"{key}.from", f"{key}.to", axes], output or key)
        return output or key

    def measure(self, key: str, name: str) -> list[str]:
        """Add the mean and variance of the channels of a map; return their names."""
        axes = list(range(2, len(self.graph.shapes[name])))
        mean, apart, squares, variance = (
            f"{key}.{each}" for each in ("mean", "apart", "squares", "variance")
        )
        self._mean(key, axes, mean)
        self._node("Sub", [key, mean], apart)
        self._node("Mul", [apart, apart], squares)
        self._mean(squares, axes, variance)
        return [mean, variance]

    def model(self, outputs: Sequence[str]) -> bytes:
        """Return the model, with the nodes that it needs and that do not depend on the picture."""
        from onnx import TensorProto, helper, numpy_helper

        graph = self.graph
        wanted = {name for node in self.nodes for name in node.input} | set(outputs)
        before: list[Any] = []
        for node in reversed(graph.plain):
            if wanted.intersection(node.output) - set(graph.constants):
                before.insert(0, node)
                wanted.update(node.input)
        nodes = [*before, *self.nodes]
        read = {name for node in nodes for name in node.input if name}
        kept = read | set(outputs)
        made = {name for node in nodes for name in node.output}
        constants = {n: v for n, v in graph.constants.items() if n in kept - made}
        unknown = read - made - set(constants) - set(self.inputs)
        if unknown:
            raise Uncuttable(f"needs {min(unknown)}, which depends on the size of the picture")
        content = helper.make_graph(
            nodes,
            "pass",
            [value for name, value in self.inputs.items() if name in read],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
        )
        whole = graph.model
        model = helper.make_model(
            content, opset_imports=whole.opset_import, ir_version=whole.ir_version
        )
        return bytes(model.SerializeToString())

    def _reshape(self, taken: str, before: str, name: str) -> None:
        ranks = len(self.graph.shapes[before]), len(self.graph.shapes[name])
        if ranks[0] == ranks[1]:
            self._node("Identity", [taken], name)
            return
        shape = f"{name}.shape"
        if ranks[1] == 4:
            self._declare(shape, np.int64, [4])
        else:
            self._constant(shape, np.array([1, self.graph.shapes[name][1], -1], np.int64))
        self._node("Reshape", [taken, shape], name)

    def _mean(self, of: str, axes: list[int], output: str) -> None:
        if self.opset < 18:
            self._node("ReduceMean", [of], output, axes=axes, keepdims=1)
        else:
            name = self._constant(f"tile.{len(axes)}.axes", np.array(axes, np.int64))
            self._node("ReduceMean", [of, name], output, keepdims=1)

    def _node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if not any(name in node.output for node in self.nodes):
            self._node("Constant", [], name, value=numpy_helper.from_array(value))
        return name

    def _declare(self, name: str, kind: Any, shape: Sequence[int | None]) -> None:
        from onnx import helper

        element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        self.inputs[name] = helper.make_tensor_value_info(name, element, shape)
