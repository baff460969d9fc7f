"""How much memory a graph takes while it runs, so that whoever runs it can tell beforehand."""

import numpy as np
import onnx
import onnxruntime

from styletransfer.export.format import INPUTS, OUTPUT

SIDE = 256
# ONNX Runtime's allocator took a third more than what is alive at once, at 1 to 9 megapixels.
ALLOCATOR = 4 / 3


def bytes_per_pixel(graph: onnx.ModelProto) -> int:
    """The memory that a run of `graph` takes at its peak, in bytes for a pixel of the image.

    Every value of the graph is computed for a small image, and those that are needed at one
    time are summed.
    """
    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    nodes = whole.graph.node
    names = [name for node in nodes for name in node.output]
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name != OUTPUT)
    session = onnxruntime.InferenceSession(
        whole.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (styles,) = (i.shape[1] for i in session.get_inputs() if i.name == INPUTS[1])
    image = np.zeros((1, 3, SIDE, SIDE), np.float32)
    feed = {INPUTS[0]: image, INPUTS[1]: np.eye(1, styles, dtype=np.float32)}
    sizes = {name: v.nbytes for name, v in zip(names, session.run(names, feed), strict=True)}
    last_use = {name: i for i, node in enumerate(nodes) for name in node.input}
    alive: dict[str, int] = {}
    peak = 0
    for i, node in enumerate(nodes):
        alive |= {name: sizes[name] for name in node.output}
        peak = max(peak, sum(alive.values()))
        alive = {k: v for k, v in alive.items() if k == OUTPUT or last_use.get(k, -1) > i}
    return round((image.nbytes + peak) * ALLOCATOR / SIDE**2)
