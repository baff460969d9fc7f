"""The model repository: its layout, and its configuration, read by the parser of Triton."""

import json
from pathlib import Path, PurePosixPath

import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from styletransfer.export.graph import build_graph
from styletransfer.export.triton import model_repository, write_repository
from tests.styletransfer.untrained import STYLES, randomized

# Types of tensors, as ONNX Runtime and as Triton name them.
TYPES = {"tensor(float)": model_config_pb2.TYPE_FP32}


@pytest.fixture(scope="module", params=[None, (2, 48, 64)], ids=["any size", "fixed"])
def content(request: pytest.FixtureRequest) -> bytes:
    graph: bytes = build_graph(randomized(), request.param).SerializeToString()
    return graph


def config_of(files: dict[PurePosixPath, bytes]) -> model_config_pb2.ModelConfig:
    text = files[PurePosixPath("styletransfer/config.pbtxt")].decode()
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_the_layout(content: bytes, tmp_path: Path) -> None:
    write_repository(model_repository(content), tmp_path)
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert found == [
        f"styletransfer/{name}" for name in ("1/model.onnx", "config.pbtxt", "styles.txt")
    ]
    assert (tmp_path / "styletransfer/1/model.onnx").read_bytes() == content
    assert (tmp_path / "styletransfer/styles.txt").read_text().splitlines() == list(STYLES)


def test_the_configuration_declares_the_tensors_of_the_file(content: bytes) -> None:
    config = config_of(model_repository(content))
    assert (config.name, config.backend) == ("styletransfer", "onnxruntime")
    session = onnxruntime.InferenceSession(content)
    for declared, actual in (
        (config.input, session.get_inputs()),
        (config.output, session.get_outputs()),
    ):
        assert [tensor.name for tensor in declared] == [tensor.name for tensor in actual]
        for ours, theirs in zip(declared, actual, strict=True):
            assert ours.data_type == TYPES[theirs.type]
            shape = [side if isinstance(side, int) else -1 for side in theirs.shape]
            assert [-1] * bool(config.max_batch_size) + list(ours.dims) == shape


def test_pictures_of_any_number_are_batched_and_those_of_a_fixed_one_are_not(
    content: bytes,
) -> None:
    config = config_of(model_repository(content))
    (first, *_) = onnx.load_model_from_string(content).graph.input
    fixed = first.type.tensor_type.shape.dim[0].dim_value > 0
    assert config.HasField("dynamic_batching") != fixed
    assert (config.max_batch_size == 0) == fixed


@pytest.mark.parametrize("names", [STYLES, ["identity", 'the "scream"\\', "größe ☃"]])
def test_clients_can_ask_for_the_names_of_the_styles(content: bytes, names: list[str]) -> None:
    graph = onnx.load_model_from_string(content)
    for entry in graph.metadata_props:
        if entry.key == "styletransfer.styles":
            entry.value = json.dumps(names)
    config = config_of(model_repository(graph.SerializeToString()))
    assert json.loads(config.parameters["styles"].string_value) == list(names)
