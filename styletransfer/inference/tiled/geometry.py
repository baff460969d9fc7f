"""Which input rows a layer needs for given output rows, and the same for columns.

A range is a pair (first, end) that does not include `end`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Range = tuple[int, int]
Shape = tuple[int, ...]


class Uncuttable(Exception):
    """A network that cannot run in tiles. The message is the end of "its network …"."""


@dataclass(frozen=True)
class Window:
    """A moving kernel: output row i depends on `extent` input rows from i·`stride` on."""

    extent: int
    stride: int

    def size(self, rows: int) -> int:
        """Return the number of output rows for a number of input rows."""
        return (rows - self.extent) // self.stride + 1

    def needs(self, wanted: Range) -> Range:
        """Return the input rows that the output rows `wanted` depend on."""
        return wanted[0] * self.stride, (wanted[1] - 1) * self.stride + self.extent

    def gives(self, wanted: Range) -> Range:
        """Return the output rows that result from the input rows `needs(wanted)`."""
        return wanted


@dataclass(frozen=True)
class Repeat:
    """Upsampling: each input row becomes `factor` output rows."""

    factor: int

    def size(self, rows: int) -> int:
        return rows * self.factor

    def needs(self, wanted: Range) -> Range:
        return wanted[0] // self.factor, -(-wanted[1] // self.factor)

    def gives(self, wanted: Range) -> Range:
        first, end = self.needs(wanted)
        return first * self.factor, end * self.factor


@dataclass(frozen=True)
class Crop:
    """Cropping: the output is `length` input rows from `start` on."""

    start: int
    length: int

    def size(self, rows: int) -> int:
        return self.length

    def needs(self, wanted: Range) -> Range:
        return wanted[0] + self.start, wanted[1] + self.start

    def gives(self, wanted: Range) -> Range:
        return wanted


Step = Window | Repeat | Crop
Steps = tuple[Step, Step]  # for rows and for columns

SAME: Steps = (Window(1, 1), Window(1, 1))

# Operators whose output at a pixel depends only on that pixel, in all channels of all inputs.
# fmt: off
POINTWISE = {
    "Abs", "Add", "BatchNormalization", "Cast", "Ceil", "Clip", "Div", "Elu", "Erf", "Exp",
    "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization",
    "LeakyRelu", "Log", "Max", "Mean", "Min", "Mish", "Mul", "Neg", "PRelu", "Pow", "Reciprocal",
    "Relu", "Round", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Sub", "Sum",
    "Tanh", "ThresholdedRelu", "Where",
}
# fmt: on
# Operators that do the same if their axis is that of the channels, with their default axis.
ALONG_CHANNELS = {"Concat": 1, "Split": 0, "Softmax": -1, "Gather": 0}


def steps_of(
    node: Any, attributes: Mapping[str, Any], inputs: Sequence[Shape], output: Shape
) -> Steps:
    """Return the steps of a node, for rows and for columns.

    Args:
        node: An ONNX node, but not a Slice.
        attributes: Its attributes by name.
        inputs: Shapes of its inputs in one run: N×C×H×W, or N×C×HW for a flattened map.
        output: Shape of its output in the same run.

    Raises:
        Uncuttable: The node may depend on distant pixels, or it pads.
    """
    kind = node.op_type
    if kind in POINTWISE:
        return SAME
    if kind in ALONG_CHANNELS:
        if attributes.get("axis", ALONG_CHANNELS[kind]) % len(inputs[0]) == 1:
            return SAME
    elif kind in ("Conv", "AveragePool", "MaxPool", "ConvTranspose"):
        return _window(kind, attributes, inputs)
    elif kind == "Resize" and attributes.get("mode", b"nearest") == b"nearest":
        factors = [big // small for big, small in zip(output[2:], inputs[0][2:], strict=True)]
        return Repeat(factors[0]), Repeat(factors[1])
    elif kind == "DepthToSpace":
        return Repeat(attributes["blocksize"]), Repeat(attributes["blocksize"])
    elif kind == "MatMul":
        if len(inputs) == 2 and len(output) == 3 and output[2] == inputs[1][-1]:
            return SAME  # a pointwise convolution of a flattened map
    elif kind == "Reshape":
        return SAME  # `Graph` checks with several sizes that it keeps rows and columns
    raise Uncuttable(f"contains {kind}, which may depend on pixels outside a tile")


def _window(kind: str, attributes: Mapping[str, Any], inputs: Sequence[Shape]) -> Steps:
    padded = any(attributes.get("pads", ())) or any(attributes.get("output_padding", ()))
    if padded or attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise Uncuttable("pads between its layers")
    kernel = attributes.get("kernel_shape") or inputs[1][2:]
    strides = attributes.get("strides", (1, 1))
    dilations = attributes.get("dilations", (1, 1))
    if kind == "ConvTranspose":
        if tuple(kernel) != tuple(strides) or set(dilations) != {1}:
            raise Uncuttable("contains a ConvTranspose whose kernels overlap")
        return Repeat(strides[0]), Repeat(strides[1])
    if attributes.get("ceil_mode", 0):
        raise Uncuttable("pads between its layers")
    rows, columns = (
        Window((size - 1) * dilation + 1, stride)
        for size, dilation, stride in zip(kernel, dilations, strides, strict=True)
    )
    return rows, columns
