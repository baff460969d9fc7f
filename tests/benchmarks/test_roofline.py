"""The count of operations against torch's own, and of bytes against a sum by hand."""

import runpy
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch.utils.flop_counter import FlopCounterMode

from styletransfer.networks import build_network

ROOFLINE = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "roofline.py"))
SIDE = ROOFLINE["SIDE"]


def test_operations_of_convolutions_equal_those_that_torch_counts() -> None:
    network = build_network("johnson", 1).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.rand(1, 3, SIDE, SIDE), torch.ones(1, 1))
    work = ROOFLINE["count"](ROOFLINE["graph_of"]("johnson", 1))
    # The rest, norms and sums, is small beside the convolutions.
    assert 1 <= work.operations * SIDE**2 / counter.get_total_flops() < 1.02


def test_bytes_are_what_each_node_reads_and_writes() -> None:
    kernel = numpy_helper.from_array(np.ones((8, 3, 1, 1), np.float32), "kernel")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "kernel"], ["maps"]),
            helper.make_node("Relu", ["maps"], ["stylized"]),
        ],
        "two nodes",
        [
            helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, SIDE, SIDE]),
            helper.make_tensor_value_info("style_weights", onnx.TensorProto.FLOAT, [1, 2]),
        ],
        [helper.make_tensor_value_info("stylized", onnx.TensorProto.FLOAT, [1, 8, SIDE, SIDE])],
        [kernel],
    )
    opset = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    for size in (4, 2):
        work = ROOFLINE["count"](model, size)
        assert work.bytes == size * ((3 + 8) + (8 + 8))
        assert work.operations == 2 * 3 * 8 + 8
    machine = ROOFLINE["Machine"]("slow", 56.0, 10.0)
    full = ROOFLINE["count"](model, 4)
    assert full.least_seconds(machine, 2) == 2 * max(1.0, 10.8)
