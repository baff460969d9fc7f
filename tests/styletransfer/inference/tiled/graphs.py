"""Small networks made by hand, in the text form of ONNX, each with what a tile may stumble on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, parser

STYLES = ("identity", "a", "b")
OPSET = 20

# Every network pads by P, then runs on x; w and b are kernels and rows of styles, see `constants`.
PAD = 'x = Pad <mode = "reflect"> (image, pads)'
ROWS = "g = MatMul (style_weights, gammas)", "h = MatMul (style_weights, betas)"
FLAT_ROWS = "gamma = Reshape (g, minus)", "beta = Reshape (h, minus)"


def norm(x: str, y: str) -> str:
    return f"{y} = InstanceNormalization <epsilon = 0.00001> ({x}, gamma, beta)"


def crop(x: str, like: str, y: str, start: str = "four") -> tuple[str, ...]:
    return (
        f"{y}_size = Shape <start = 2> ({like})",
        f"{y}_end = Add ({y}_size, {start})",
        f"{y} = Slice ({x}, {start}, {y}_end, sides)",
    )


LAST = (
    *crop("paint", "image", "cropped", "zero"),
    "shown = Sigmoid (cropped)",
    "keep = Slice (style_weights, one0, one1, one1)",
    "keep4 = Reshape (keep, unit)",
    "kept = Mul (keep4, image)",
    "stylized_raw = Add (shown, kept)",
    "stylized = Clip (stylized_raw, low, high)",
)

NETWORKS = {
    # One chain, as the simplest networks are.
    "chain": (
        "a = Conv <strides = [2, 2]> (x, w3)",
        norm("a", "b"),
        "c = Relu (b)",
        "d = Conv (c, w6)",
        norm("d", "e"),
        'f = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric",'
        ' nearest_mode = "floor"> (e, , scales)',
        "paint = Conv (f, wout)",
    ),
    # Maps of both strides cross both norms; the second norm reads one of them.
    "skips": (
        "a = Conv <strides = [2, 2]> (x, w3)",
        "r = Relu (a)",
        "b = Conv <strides = [2, 2]> (r, w6)",
        norm("b", "c"),
        "d = Conv (c, w6)",
        norm("d", "e"),
        "f = ConvTranspose <strides = [2, 2]> (e, wup)",
        *crop("r", "f", "near"),
        "g6 = Concat <axis = 1> (f, near)",
        "k = Conv (g6, w12)",
        "m = ConvTranspose <strides = [2, 2]> (k, wup)",
        *crop("x", "m", "far"),
        "n = Conv (far, w1)",
        "o = Add (m, n)",
        "paint = Conv (o, wout)",
    ),
    # Residual blocks with two norms each: what goes round a block crosses both.
    "residual": (
        "a = Conv <strides = [2, 2]> (x, w3)",
        "b = Conv (a, w1x1)",
        norm("b", "b1"),
        "b2 = Relu (b1)",
        "b3 = Conv (b2, w6)",
        norm("b3", "b4"),
        *crop("a", "b4", "a1", "one"),
        "c = Add (a1, b4)",
        "d = Conv (c, w6)",
        norm("d", "d1"),
        "d2 = LeakyRelu (d1)",
        "d3 = Conv (d2, w6)",
        norm("d3", "d4"),
        *crop("c", "d4", "c1", "two"),
        "e = Add (c1, d4)",
        "paint = ConvTranspose <strides = [2, 2]> (e, wrgb)",
    ),
    # From coarse to fine: half the size first, whose result and the photograph go on together.
    "coarse_to_fine": (
        "half = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (x)",
        "a = Conv <strides = [2, 2]> (half, w3)",
        norm("a", "b"),
        "c = Conv <dilations = [2, 2]> (b, w6)",
        norm("c", "d"),
        "e = ConvTranspose <strides = [2, 2]> (d, wrgb)",
        "draft = Tanh (e)",
        'big = Resize <mode = "nearest"> (draft, , scales)',
        *crop("x", "big", "photo"),
        "both = Concat <axis = 1> (big, photo)",
        "f = Conv <strides = [4, 4]> (both, w4)",
        norm("f", "k"),
        "m = Conv <group = 6> (k, wdepth)",
        norm("m", "n"),
        "up1 = ConvTranspose <strides = [2, 2]> (n, wup)",
        *crop("draft", "up1", "again", "two"),
        "wide = Conv (again, w1)",
        "o = Add (up1, wide)",
        "paint = ConvTranspose <strides = [2, 2]> (o, wrgb)",
    ),
    # Two norms side by side, of maps at different strides; one of the norms is never seen again.
    "parallel": (
        "a = Conv <strides = [2, 2]> (x, w3)",
        "b = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (a)",
        norm("a", "a1"),
        norm("b", "b1"),
        "unseen = Conv (b1, w6)",
        "c = Conv (b1, w1x1)",
        "d = ConvTranspose <strides = [2, 2]> (c, wup)",
        *crop("a1", "d", "a2", "one"),
        "e = Mul (d, a2)",
        "s, t = Split <axis = 1, num_outputs = 2> (e)",
        "u = Concat <axis = 1> (t, s)",
        "paint = ConvTranspose <strides = [2, 2]> (u, wrgb)",
    ),
    # Pixels out of channels, and a flattened map, as a blend of kernels multiplies it.
    "folded": (
        "b = Conv <strides = [2, 2]> (x, w3)",
        norm("b", "c"),
        "size = Shape <start = 2> (c)",
        "target = Concat <axis = 0> (batch6, size)",
        "flat = Reshape (c, flatten)",
        "mixed = MatMul (mix, flat)",
        "d = Reshape (mixed, target)",
        "e = Conv (d, w1x12)",
        "paint = DepthToSpace <blocksize = 2> (e)",
    ),
    # No norm at all: one pass.
    "plain": (
        "a = Conv <strides = [2, 2]> (x, w3)",
        "paint = ConvTranspose <strides=[2, 2]> (a, wrgb)",
    ),
}
PADDED = {"chain": (9, 12), "coarse_to_fine": (20, 24)}


def constants() -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(7)

    def kernel(*shape: int) -> np.ndarray[Any, Any]:
        return (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) / 2)).astype(np.float32)

    return {
        "w3": kernel(6, 3, 3, 3), "w6": kernel(6, 6, 3, 3), "w12": kernel(6, 12, 3, 3),
        "w1": kernel(6, 3, 1, 1), "w1x1": kernel(6, 6, 1, 1), "w1x12": kernel(12, 6, 1, 1),
        "w4": kernel(6, 6, 4, 4), "wdepth": kernel(6, 1, 5, 3), "wout": kernel(3, 6, 5, 5),
        "wup": kernel(6, 6, 2, 2), "wrgb": kernel(6, 3, 2, 2), "mix": kernel(1, 6, 6),
        "gammas": 1 + kernel(3, 6), "betas": kernel(3, 6),
        "minus": np.array([-1]), "sides": np.array([2, 3]), "unit": np.array([1, 1, 1, 1]),
        "zero": np.array([0, 0]), "one": np.array([1, 1]), "two": np.array([2, 2]),
        "four": np.array([4, 4]), "one0": np.array([0]), "one1": np.array([1]),
        "batch6": np.array([1, 6]), "flatten": np.array([1, 6, -1]),
        "scales": np.array([1, 1, 2, 2], np.float32),
        "low": np.array(0, np.float32), "high": np.array(1, np.float32),
    }  # fmt: skip


def write(path: Path, lines: tuple[str, ...], padding: tuple[int, int] | None = (20, 24)) -> Path:
    """Write a network of our format; `lines` make `paint` of `x`."""
    before, after = padding or (0, 0)
    first = (PAD,) if padding else ("x = Identity (image)",)
    nodes = [parser.parse_node(line) for line in (first[0], *ROWS, *FLAT_ROWS, *lines, *LAST)]
    values = constants() | {"pads": np.array([0, 0, before, before, 0, 0, after, after])}
    image, row = ["N", 3, "H", "W"], ["N", len(STYLES)]
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, image),
            helper.make_tensor_value_info("style_weights", TensorProto.FLOAT, row),
        ],
        [helper.make_tensor_value_info("stylized", TensorProto.FLOAT, image)],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    helper.set_model_props(
        model,
        {
            "styletransfer.format": "1",
            "styletransfer.styles": json.dumps(STYLES),
            "styletransfer.network": "small",
            "styletransfer.receptive_field": "40",
            "styletransfer.trained_on": "nothing",
        },
    )
    onnx.save(model, path)
    return path


def open_session(model: bytes | str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
