"""The int8 variant: what is quantized, how near its pictures are, and what stays exact."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from styletransfer.checkpoint import TrainedNetwork
from styletransfer.export import export as exporting
from styletransfer.export.graph import build_graph
from styletransfer.export.parity import seeded_feeds
from styletransfer.export.quantization import mixing_convolutions, to_int8
from styletransfer.images import Array
from styletransfer.inference import Stylizer
from styletransfer.networks import build_network

STYLES = ("identity", "one", "two")
SIZES = ((1, 96, 128), (1, 128, 80))


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    torch.manual_seed(0)
    network = build_network(
        "compact", 3, coarse_channels=16, coarse_hidden=32, fine_channels=16, fine_hidden=32
    )
    return build_graph(TrainedNetwork(network.eval(), "compact", STYLES, ""))


@pytest.fixture(scope="module")
def quantized(graph: onnx.ModelProto) -> onnx.ModelProto:
    return to_int8(graph, seeded_feeds(3, seed=1, sizes=SIZES))


def kernels(model: onnx.ModelProto) -> dict[str, Array]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if len(t.dims) == 4}


def test_convolutions_that_mix_channels_after_the_second_norm_are_quantized(
    graph: onnx.ModelProto, quantized: onnx.ModelProto
) -> None:
    chosen = mixing_convolutions(graph)
    nodes = {node.name: node for node in graph.graph.node}
    weights = {nodes[name].input[1] for name in chosen}
    assert {"coarse.blocks.1.widen.weight", "fine.stem.weight", "fine.shrink.weight"} <= weights
    assert not {name for name in weights if "depthwise" in name}
    early = {"coarse.stem.weight", "coarse.shrink.weight", "coarse.blocks.0.widen.weight"}
    assert not early & weights
    integers = [k for k in kernels(quantized).values() if k.dtype == np.int8]
    assert len(integers) == len(chosen)
    # 7 bits.
    assert max(np.abs(k.astype(int)).max() for k in integers) <= 64
    assert quantized.ByteSize() < graph.ByteSize()


def test_kernels_are_those_of_the_graph_to_half_a_step(
    graph: onnx.ModelProto, quantized: onnx.ModelProto
) -> None:
    stored = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    exact = kernels(graph)
    found = 0
    for name, kernel in exact.items():
        if (integers := stored.get(f"{name}_quantized")) is None:
            continue
        scale = stored[f"{name}_scale"].reshape(-1, 1, 1, 1)
        assert np.abs(integers * scale - kernel).max() <= 0.51 * scale.max()
        found += 1
    assert found > 10


def test_pictures_are_near_and_the_identity_is_exact(
    graph: onnx.ModelProto, quantized: onnx.ModelProto, tmp_path: Path
) -> None:
    for name, model in (("fp32", graph), ("int8", quantized)):
        onnx.save(model, tmp_path / f"{name}.onnx")
    fp32, int8 = (Stylizer(tmp_path / f"{name}.onnx") for name in ("fp32", "int8"))
    apart = [
        np.abs(fp32.stylize_tensor(*feed) - int8.stylize_tensor(*feed)).mean()
        for feed in seeded_feeds(3, seed=2, sizes=(*SIZES, (2, 65, 97)))
    ]
    assert 0 < max(apart) < exporting.INT8_TOLERANCE
    image, _ = seeded_feeds(3, sizes=SIZES)[0]
    np.testing.assert_array_equal(
        int8.stylize_tensor(image, np.eye(3, dtype=np.float32)[:1]), image
    )


def test_the_model_that_is_quantized_stays_as_it_is(graph: onnx.ModelProto) -> None:
    before = graph.SerializeToString()
    quantized = to_int8(graph, seeded_feeds(3, sizes=SIZES[:1]))
    assert graph.SerializeToString() == before
    assert list(quantized.metadata_props) == list(graph.metadata_props)
