"""A tiny model of the shipped format whose output a line of NumPy can tell.

stylized = clip(image * (style_weights @ GAINS) + style_weights @ OFFSETS, 0, 1), for each channel.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STYLES = ("identity", "the_scream", "udnie", "starry_night")
GAINS = np.array([[1, 1, 1], [0.5, 0.25, 1], [-1, -1, -1], [0, 0, 0.5]], np.float32)
OFFSETS = np.array([[0, 0, 0], [0.25, 0, 0], [1, 1, 1], [0.5, 0.125, 0]], np.float32)
METADATA = {
    "styletransfer.format": "1",
    "styletransfer.styles": json.dumps(STYLES),
    "styletransfer.network": "tiny",
    "styletransfer.receptive_field": "1",
    "styletransfer.trained_on": "nothing",
}


def expected(images: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the model gives for images N×3×H×W and weights N×S."""
    gain = (weights @ GAINS[: weights.shape[1]])[:, :, None, None]
    offset = (weights @ OFFSETS[: weights.shape[1]])[:, :, None, None]
    stylized: NDArray[np.float32] = np.clip(images * gain + offset, 0, 1).astype(np.float32)
    return stylized


def tiny_model(
    path: Path,
    *,
    styles: Sequence[str] = STYLES,
    metadata: dict[str, str] | None = None,
    without: Sequence[str] = (),
    height: int | str = "H",
    columns: int | str | None = None,
    names: Sequence[str] = ("image", "style_weights", "stylized"),
) -> Path:
    """Write the model to `path`, with parts changed or left out to make it a wrong one.

    `metadata` replaces values and `without` drops keys; a number as `height` makes ONNX Runtime
    fail for images of any other; `columns` is how many weights it says it takes.
    """
    image, weights, stylized = names
    count = len(styles)
    nodes = [
        helper.make_node("MatMul", [weights, "gains"], ["gain_rows"]),
        helper.make_node("MatMul", [weights, "offsets"], ["offset_rows"]),
        helper.make_node("Unsqueeze", ["gain_rows", "axes"], ["gain"]),
        helper.make_node("Unsqueeze", ["offset_rows", "axes"], ["offset"]),
        helper.make_node("Mul", [image, "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["shifted"]),
        helper.make_node("Clip", ["shifted", "zero", "one"], [stylized]),
    ]
    constants: dict[str, NDArray[Any]] = {
        "gains": GAINS[:count],
        "offsets": OFFSETS[:count],
        "axes": np.array([2, 3], np.int64),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
    }
    pixels: list[str | int | None] = ["N", 3, height, "W"]
    row: list[str | int | None] = ["N", count if columns is None else columns]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(image, TensorProto.FLOAT, pixels),
            helper.make_tensor_value_info(weights, TensorProto.FLOAT, row),
        ],
        [helper.make_tensor_value_info(stylized, TensorProto.FLOAT, pixels)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    values = METADATA | {"styletransfer.styles": json.dumps(list(styles))} | (metadata or {})
    for key, value in values.items():
        if key not in without:
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
    onnx.save(model, path)
    return path
