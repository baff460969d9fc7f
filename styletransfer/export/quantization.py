"""Quantize an exported graph to int8, for CPUs that multiply 8-bit integers.

Convolutions that mix channels take most of the time. They compute in 8-bit integers, with one scale
for each output channel of a kernel and one for each map. These stay in float32:

- what comes before the second norm. The norms magnify rounding errors: with all convolutions after
  the first norm in integers, strokes in a plain sky went elsewhere (34.5 dB from fp32, now 37.0);
- depthwise convolutions, which are not faster in integers;
- the norms, and the mix with the photograph, so strength 0 returns exactly the photograph.

Kernels have 7 bits, because CPUs without VNNI instructions add pairs of products in 16 bits, which
8-bit kernels may exceed.

Reference:
    Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from styletransfer.export import INPUTS
from styletransfer.export.precision import NORM
from styletransfer.images import Array


class _Feeds(CalibrationDataReader):  # type: ignore[misc]
    """Give ONNX Runtime pictures to calibrate on, one at a time."""

    def __init__(self, feeds: Iterable[tuple[Array, Array]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, Array] | None:
        pair = next(self._feeds, None)
        return pair and dict(zip(INPUTS, pair, strict=True))


def to_int8(model: onnx.ModelProto, feeds: Iterable[tuple[Array, Array]]) -> onnx.ModelProto:
    """Return a copy of a model that computes most of its convolutions in int8.

    The range of a map is the mean over the feeds of its least and its greatest value.

    Args:
        model: A float32 model.
        feeds: Pairs of images N×3×H×W and style rows N×S, to calibrate on; at least one.
    """
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        # As a file, because a model in memory would be changed.
        onnx.save(model, source)
        # ONNX Runtime advises a step before this one, which changes nothing here.
        logging.disable(logging.WARNING)
        try:
            quantize_static(
                source,
                target,
                _Feeds(feeds),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_quantize=mixing_convolutions(model),
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"CalibMovingAverage": True},
            )
        finally:
            logging.disable(logging.NOTSET)
        quantized = onnx.load(target)
    del quantized.metadata_props[:]
    quantized.metadata_props.extend(model.metadata_props)
    return quantized


def mixing_convolutions(model: onnx.ModelProto) -> list[str]:
    """Return the names of the convolutions after the second norm that are not depthwise."""
    nodes = list(model.graph.node)
    norms = [place for place, node in enumerate(nodes) if node.op_type == NORM]
    after = nodes[norms[1] :] if len(norms) > 1 else []
    return [node.name for node in after if node.op_type == "Conv" and _groups(node) == 1]


def _groups(node: onnx.NodeProto) -> int:
    return next((one.i for one in node.attribute if one.name == "group"), 1)
