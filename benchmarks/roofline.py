"""Operations and bytes of a network for each pixel, and what they mean on a machine.

The graph of the ONNX file is counted node by node. "Operations" are multiplications and additions.
"Bytes" are what the nodes read and write if each is run by itself, as most runtimes do: this is
the memory traffic. The least time of a pixel is the longer of operations / peak operations and
bytes / memory bandwidth. Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual
Performance Model for Multicore Architectures".

Run: python benchmarks/roofline.py
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx
import onnxruntime
import torch

from styletransfer.checkpoint import TrainedNetwork
from styletransfer.export.graph import build_graph
from styletransfer.networks import build_network

# Side of the image that is counted; on a smaller one the padding counts for more.
SIDE = 256
STYLES = 17
NETWORKS = ("compact", "large", "johnson")
# Nodes that only name what is there already.
FREE = {"Reshape", "Identity", "Unsqueeze", "Squeeze", "Flatten"}
# Additions, multiplications and a root for each value: the mean, the variance, the rest.
NORM_OPERATIONS = 8


@dataclass(frozen=True)
class Work:
    """What a graph does for each pixel of the image, beside reading its weights once."""

    operations: float
    bytes: float

    def least_seconds(self, machine: "Machine", pixels: int) -> float:
        """Return the least time that `pixels` pixels take on `machine`."""
        operations, traffic = self.operations * pixels, self.bytes * pixels
        return max(operations / machine.operations, traffic / machine.bandwidth)


@dataclass(frozen=True)
class Machine:
    """Peak operations a second and bytes a second of a machine, in one precision."""

    name: str
    operations: float
    bandwidth: float


# From NVIDIA's data sheet of the H100 SXM5, dense.
H100 = {
    4: Machine("H100, float32 without tensor cores", 67e12, 3.35e12),
    2: Machine("H100, float16 on tensor cores", 989e12, 3.35e12),
}


def count(graph: onnx.ModelProto, size_of_value: int = 4) -> Work:
    """Count the work of `graph`, with values of `size_of_value` bytes each."""
    shapes = _shapes(graph)
    weights = {item.name: tuple(item.dims) for item in graph.graph.initializer}
    operations = traffic = 0.0
    for node in graph.graph.node:
        outputs = [shapes[name] for name in node.output if name in shapes]
        # What has no sides that grow with the image is not counted: it is small and done once.
        if node.op_type in FREE or not any(_is_map(shape) for shape in outputs):
            continue
        inputs = [shapes[name] for name in node.input if _is_map(shapes.get(name, ()))]
        traffic += size_of_value * sum(int(np.prod(shape)) for shape in (*inputs, *outputs))
        operations += _operations(node, outputs[0], inputs, weights)
    return Work(operations / SIDE**2, traffic / SIDE**2)


def _operations(
    node: onnx.NodeProto,
    output: tuple[int, ...],
    inputs: list[tuple[int, ...]],
    weights: Mapping[str, tuple[int, ...]],
) -> float:
    size = float(np.prod(output))
    if node.op_type in ("Conv", "ConvTranspose"):
        # Out × in/groups × kernel, or in × out/groups × kernel for the transposed one.
        kernel = weights.get(node.input[1])
        if kernel is None:
            raise ValueError(f"the kernel of {node.name} is not a constant of the graph")
        each = float(np.prod(kernel[1:]))
        return 2 * each * (size if node.op_type == "Conv" else float(np.prod(inputs[0])))
    if node.op_type == "InstanceNormalization":
        return NORM_OPERATIONS * size
    # What only moves values: their bytes count, and no operation.
    return 0.0 if node.op_type in ("Pad", "Slice", "Concat", "Gather", "Transpose") else size


def _is_map(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[2] * shape[3] > 64


def _shapes(graph: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Return the shape of every value of `graph` for one image of `SIDE`² pixels."""
    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    given = {item.name for item in whole.graph.output}
    names = [name for node in whole.graph.node for name in node.output if name]
    whole.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in given)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (image, row) = session.get_inputs()
    feed = {
        image.name: np.zeros((1, 3, SIDE, SIDE), np.float32),
        row.name: np.eye(1, row.shape[1], dtype=np.float32),
    }
    values = session.run(names, feed)
    constants = {item.name: tuple(item.dims) for item in graph.graph.initializer}
    found = {name: np.shape(value) for name, value in zip(names, values, strict=True)}
    return {**constants, **found, **{name: value.shape for name, value in feed.items()}}


@cache
def graph_of(name: str, styles: int = STYLES) -> onnx.ModelProto:
    """Return the ONNX graph of the network called `name`, untrained."""
    names = ("identity", *(f"style_{i}" for i in range(1, styles)))
    return build_graph(TrainedNetwork(build_network(name, styles).eval(), name, names, "nothing"))


def this_machine() -> Machine:
    """Measure this CPU: a product of matrices in float32, and a copy larger than its caches."""
    side = 2048
    a, b = torch.rand(side, side), torch.rand(side, side)
    source = torch.zeros(1 << 26)
    target = torch.empty_like(source)
    product = 2 * side**3 / _seconds(lambda: torch.mm(a, b))
    bandwidth = 2 * source.numel() * 4 / _seconds(lambda: target.copy_(source))
    return Machine(f"this CPU, {torch.get_num_threads()} threads", product, bandwidth)


def _seconds(call: Callable[[], object], runs: int = 7) -> float:
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    machine = this_machine()
    print(
        f"{machine.name}: {machine.operations / 1e9:.0f} Gop/s, "
        f"{machine.bandwidth / 1e9:.0f} GB/s\n"
    )
    print(
        "| network | operations a pixel | bytes a pixel | operations a byte "
        f"| least ms for 1024², {machine.name} | H100, float32 | H100, float16 |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in NETWORKS:
        graph = graph_of(name, 1 if name == "johnson" else STYLES)
        full, half = count(graph), count(graph, 2)
        here, gpu, gpu_half = (
            1e3 * work.least_seconds(where, 1024**2)
            for work, where in ((full, machine), (full, H100[4]), (half, H100[2]))
        )
        print(
            f"| {name} | {full.operations:,.0f} | {full.bytes:,.0f} "
            f"| {full.operations / full.bytes:.1f} | {here:.1f} | {gpu:.2f} | {gpu_half:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
