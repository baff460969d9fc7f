"""Estimate how much memory a graph uses, for the metadata of the file."""

import numpy as np
import onnx
import onnxruntime

from styletransfer.export import INPUTS, OUTPUT

SIDE = 256
# ONNX Runtime used a third more than the live values, at 1 to 9 megapixels.
ALLOCATOR = 4 / 3


def bytes_per_pixel(graph: onnx.ModelProto) -> int:
    """Estimate the peak memory of a run of a graph, in bytes per pixel of the image.

    This computes all values of the graph for a small image, or for images of the only size that it
    accepts, and adds up the sizes of those that are needed at the same time.
    """
    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    nodes = whole.graph.node
    names = [name for node in nodes for name in node.output]
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name != OUTPUT)
    session = onnxruntime.InferenceSession(
        whole.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    shapes = {i.name: i.shape for i in session.get_inputs()}
    # A dimension that may be any number has a name.
    count, _, height, width = (
        dim if isinstance(dim, int) else any_size
        for dim, any_size in zip(shapes[INPUTS[0]], (1, 3, SIDE, SIDE), strict=True)
    )
    image = np.zeros((count, 3, height, width), np.float32)
    row = np.eye(1, shapes[INPUTS[1]][1], dtype=np.float32)
    feed = {INPUTS[0]: image, INPUTS[1]: row.repeat(count, axis=0)}
    sizes = {name: v.nbytes for name, v in zip(names, session.run(names, feed), strict=True)}
    last_use = {name: i for i, node in enumerate(nodes) for name in node.input}
    alive: dict[str, int] = {}
    peak = 0
    for i, node in enumerate(nodes):
        alive |= {name: sizes[name] for name in node.output}
        peak = max(peak, sum(alive.values()))
        alive = {k: v for k, v in alive.items() if k == OUTPUT or last_use.get(k, -1) > i}
    return round((image.nbytes + peak) * ALLOCATOR / (count * height * width))
