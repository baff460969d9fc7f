"""Build the ONNX graph of a network, with all metadata that users of the file need."""

import json
import logging
import warnings

import onnx
import torch
from onnx import version_converter
from onnxscript import optimizer

from styletransfer.checkpoint import TrainedNetwork
from styletransfer.export import FORMAT, INPUTS, OUTPUT
from styletransfer.export.memory import bytes_per_pixel

OPSET = 20
# ONNX cannot convert our graphs to older operators than these.
LEAST_OPSET = 15
# Number, height and width of images.
Size = tuple[int, int, int]
# Greatest number of elements of constants that are computed now, not when the file is opened.
FOLDED = 1 << 30


def build_graph(
    trained: TrainedNetwork, size: Size | None = None, opset: int = OPSET
) -> onnx.ModelProto:
    """Export a network to ONNX, with the inputs, output and metadata of `styletransfer.export`.

    Args:
        trained: The network.
        size: The only number, height and width of images that the graph accepts; None for any.
        opset: Version of the operators, from `LEAST_OPSET` to `OPSET`.
    """
    dynamic = torch.export.Dim.DYNAMIC
    shapes = None if size else ({0: dynamic, 2: dynamic, 3: dynamic}, {0: dynamic})
    count, height, width = size or (2, 48, 64)
    example = (torch.rand(count, 3, height, width), torch.eye(len(trained.styles))[[-1] * count])
    with warnings.catch_warnings(), torch.no_grad():
        # Hide the deprecation warnings and progress reports of the exporter.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            trained.network,
            example,
            dynamo=True,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_shapes=shapes,
            opset_version=OPSET,
            verbose=False,
        )
        assert program is not None
        # The exporter does not fold large constants, such as the matrices of many styles.
        optimizer.optimize_ir(program.model, input_size_limit=FOLDED, output_size_limit=FOLDED)
    graph = program.model_proto
    if opset != OPSET:
        graph = version_converter.convert_version(graph, opset)
    _forget_sources(graph)
    if size is None:
        _name_dimensions(graph)
    receptive_field = trained.network.receptive_field
    assert isinstance(receptive_field, int)
    onnx.helper.set_model_props(
        graph,
        {
            "styletransfer.format": FORMAT,
            "styletransfer.styles": json.dumps(trained.styles),
            "styletransfer.network": trained.name,
            "styletransfer.receptive_field": str(receptive_field),
            "styletransfer.trained_on": trained.trained_on,
            "styletransfer.bytes_per_pixel": str(bytes_per_pixel(graph)),
        },
    )
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _forget_sources(graph: onnx.ModelProto) -> None:
    # The exporter writes stack traces with local paths into every node.
    main = graph.graph
    for item in (graph, main, *main.input, *main.output, *main.node, *main.initializer):
        del item.metadata_props[:]
    for node in main.node:
        node.doc_string = ""
    del main.value_info[:]


def _name_dimensions(graph: onnx.ModelProto) -> None:
    image, style_weights = graph.graph.input
    (stylized,) = graph.graph.output
    for value in (image, stylized):
        for dim, name in zip(value.type.tensor_type.shape.dim, "NCHW", strict=True):
            if name != "C":
                dim.dim_param = name
    style_weights.type.tensor_type.shape.dim[0].dim_param = "N"
