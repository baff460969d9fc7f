"""The exported graph: its metadata, and its parity with the network."""

import json
from pathlib import Path

import onnx
import pytest
import torch

from styletransfer.errors import ParityError
from styletransfer.export.graph import build_graph
from styletransfer.export.parity import SIZES, check_parity
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from tests.styletransfer.untrained import STYLES, randomized


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    return build_graph(randomized("compact"))


def test_inputs_output_and_metadata_are_those_of_the_format(graph: onnx.ModelProto) -> None:
    def shape(value: onnx.ValueInfoProto) -> list[str | int]:
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    assert {v.name: shape(v) for v in graph.graph.input} == {
        "image": ["N", 3, "H", "W"],
        "style_weights": ["N", 3],
    }
    assert {v.name: shape(v) for v in graph.graph.output} == {"stylized": ["N", 3, "H", "W"]}
    metadata = {p.key: p.value for p in graph.metadata_props}
    assert metadata.pop("styletransfer.receptive_field").isdecimal()
    assert metadata.pop("styletransfer.bytes_per_pixel").isdecimal()
    assert json.loads(metadata.pop("styletransfer.styles")) == list(STYLES)
    assert metadata == {
        "styletransfer.format": "1",
        "styletransfer.network": "compact",
        "styletransfer.trained_on": "noise",
    }


def test_nothing_of_the_machine_is_in_the_file(graph: onnx.ModelProto) -> None:
    content = graph.SerializeToString()
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[3]).encode() not in content


def test_each_norm_is_one_operator(graph: onnx.ModelProto) -> None:
    counts = [node.op_type for node in graph.graph.node]
    norms = [
        layer
        for layer in randomized("compact").network.modules()
        if isinstance(layer, ConditionalInstanceNorm2d)
    ]
    assert counts.count("InstanceNormalization") == len(norms) >= 3
    assert "Pad" not in counts and "ReduceMean" not in counts


@pytest.mark.parametrize("name", ["compact", "johnson"])
def test_parity_on_every_size(name: str) -> None:
    trained = randomized(name)
    differences = check_parity(trained, build_graph(trained))
    assert [(d.batch, d.height, d.width) for d in differences] == list(SIZES)
    assert (1, 1, 1) in SIZES and len(SIZES) >= 5
    assert max(d.greatest for d in differences) <= 1e-3


def test_another_networks_graph_fails_the_parity_check(graph: onnx.ModelProto) -> None:
    other = randomized("compact")
    with torch.no_grad():
        other.network.fine.tint.add_(0.01)  # type: ignore[union-attr, operator]
    with pytest.raises(ParityError, match=r"1×3×256×256 .* differs"):
        check_parity(other, graph)
