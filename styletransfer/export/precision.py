"""Convert an exported graph to fp16.

From the first norm of a stage to its last convolution, the graph computes in float16. It stays in
float32:

- before the first norm of a stage, and on paths without a norm. The norm would magnify rounding
  errors: a hazy sky varies by a few thousandths, and would become noise;
- in the norms, with their statistics and style tables;
- where the painting is mixed with the photograph, so that strength 0 returns exactly the
  photograph.

The converter of ONNX Runtime (`onnxruntime.transformers.float16`) cannot do this. It converts every
input to float16, and inserts two casts between neighbor nodes that stay in float32.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from styletransfer.errors import PrecisionError

NORM = "InstanceNormalization"
CONVOLUTIONS = ("Conv", "ConvTranspose")
# Operators that change no value. After the last convolution they may work in float16 too.
MOVES = ("DepthToSpace", "Reshape", "Slice", "Transpose")
# Inputs that are float32 even in a float16 node: the region and scales of a Resize.
FLOAT_INPUTS = {"Resize": (1, 2)}


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model that computes partly in float16.

    Inputs and output are float32. The weights of all convolutions are stored in float16.

    Raises:
        PrecisionError: A weight exceeds the range of float16.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    floats = _float_tensors(model)
    half = _half_tensors(graph, floats)
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    made: set[str] = set()
    kernels = {
        name for node in graph.node if node.op_type in CONVOLUTIONS for name in node.input[1:]
    }

    def cast(name: str, other: str, to: int) -> str:
        if other not in made:
            made.add(other)
            nodes.append(helper.make_node("Cast", [name], [other], to=to))
        return other

    def halved(name: str) -> str:
        other = f"{name}_half"
        if name not in initializers:
            return cast(name, other, TensorProto.FLOAT16)
        if other not in made:
            made.add(other)
            graph.initializer.append(_halved(initializers[name], other))
        return other

    for node in graph.node:
        in_half = node.output[0] in half
        for place, name in enumerate(node.input):
            # A shape is the same in both precisions.
            if name not in floats or node.op_type == "Shape":
                continue
            wants_half = in_half and place not in FLOAT_INPUTS.get(node.op_type, ())
            if wants_half and name not in half:
                node.input[place] = halved(name)
            elif not wants_half and name in half:
                node.input[place] = cast(name, f"{name}_float", TensorProto.FLOAT)
            elif name in kernels and name in initializers and not wants_half:
                # ONNX Runtime folds this cast when it opens the file.
                node.input[place] = cast(halved(name), f"{name}_float", TensorProto.FLOAT)
        nodes.append(node)
    _set_nodes(graph, nodes)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def rounded(half: onnx.ModelProto) -> onnx.ModelProto:
    """Return a float32 model that rounds to float16 after each float16 node of `half`.

    It gives the pictures of hardware that computes in float16. The CPU provider of ONNX Runtime
    runs neighbor nodes of `half` in float32 and leaves out the rounding between them.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(half)
    graph = copy.graph
    halves = _tensors_of(half, TensorProto.FLOAT16)
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        name = node.output[0]
        nodes.append(node)
        if name in halves:
            exact, low = f"{name}_exact", f"{name}_low"
            if node.op_type == "Cast":
                node.attribute[0].i = TensorProto.FLOAT
            node.output[0] = exact
            nodes.append(helper.make_node("Cast", [exact], [low], to=TensorProto.FLOAT16))
            nodes.append(helper.make_node("Cast", [low], [name], to=TensorProto.FLOAT))
    _set_nodes(graph, nodes)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def _tensors_of(model: onnx.ModelProto, kind: int) -> set[str]:
    """Return the names of all inputs, outputs and inner tensors of an element type."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name for value in values if value.type.tensor_type.elem_type == kind}


def _float_tensors(model: onnx.ModelProto) -> set[str]:
    stored = {t.name for t in model.graph.initializer if t.data_type == TensorProto.FLOAT}
    return stored | _tensors_of(model, TensorProto.FLOAT)


def _half_tensors(graph: onnx.GraphProto, floats: set[str]) -> set[str]:
    """Return the names of the tensors to convert to float16; see the module."""
    before_a_convolution: set[str] = set()
    for node in reversed(graph.node):
        if node.op_type in CONVOLUTIONS or before_a_convolution.intersection(node.output):
            before_a_convolution.update(node.input)
    outputs = {value.name for value in graph.output}
    after_a_norm: set[str] = set()
    half: set[str] = set()
    for node in graph.node:
        name = node.output[0]
        if node.op_type == NORM or (
            after_a_norm.intersection(node.input) and not _begins_anew(node)
        ):
            after_a_norm.add(name)
        computes = node.op_type in CONVOLUTIONS or name in before_a_convolution
        if (
            name in floats
            and name in after_a_norm
            and name not in outputs
            and node.op_type != NORM
            and (computes or (node.op_type in MOVES and node.input[0] in half))
        ):
            half.add(name)
    return half


def _begins_anew(node: onnx.NodeProto) -> bool:
    """Tell whether what comes out of a node counts as not normalized, whatever goes in.

    The draft, which a Clip gives, and the maps that are added by the layer "guide" are new to the
    norms of the stage that revises the draft. A Shape has no values of the image.
    """
    if node.op_type in CONVOLUTIONS:
        kernel: str = node.input[1]
        return kernel.endswith(".guide.weight")
    return node.op_type in ("Shape", "Clip")


def _halved(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    values = numpy_helper.to_array(tensor)
    if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        largest = np.abs(values).max()
        raise PrecisionError(f"{tensor.name} contains {largest:.3g}, too large for fp16; use fp32")
    return numpy_helper.from_array(values.astype(np.float16), name)


def _set_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    """Replace the nodes of a graph, and remove initializers that are no longer used."""
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
