"""The exported graph: nothing in it but the network, and the same picture from every runtime."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from styletransfer.images import to_tensor
from tests.assets import shipped
from tests.styletransfer.inference.compact_model import exported, noise

# None is 3 wide or high: its mirror image repeats every 4 pixels, which the strides make flat, and
# of what is flat the norms show the rounding.
SIZES = [(1, 40, 56), (2, 37, 50), (1, 5, 7)]


@pytest.fixture(scope="module", params=["small", "gallery"])
def path(request: pytest.FixtureRequest) -> Path:
    return exported() if request.param == "small" else shipped("gallery.onnx")


@pytest.fixture(scope="module")
def model(path: Path) -> onnx.ModelProto:
    return onnx.load(path)


def feed(path: Path, count: int, height: int, width: int) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    styles = session.get_inputs()[1].shape[1]
    rows = np.random.default_rng(0).random((count, styles)).astype(np.float32)
    return {
        "image": np.concatenate([to_tensor(noise(height, width, seed=i)) for i in range(count)]),
        "style_weights": rows / rows.sum(1, keepdims=True),
    }


def test_it_passes_the_full_check_and_strict_shape_inference(model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in inferred.graph.value_info}
    named = {name for node in model.graph.node for name in node.output} - {"stylized"}
    assert set(ranks) == named


def test_there_are_no_leftovers_of_the_exporter(model: onnx.ModelProto) -> None:
    nodes, constants = model.graph.node, {value.name for value in model.graph.initializer}
    kinds = {node.op_type for node in nodes}
    assert not kinds & {"Identity", "Cast", "CastLike", "Constant", "ConstantOfShape", "Dropout"}
    foldable = [n.name for n in nodes if all(i in constants for i in n.input if i)]
    assert foldable == []
    used = {name for node in nodes for name in node.input}
    assert constants <= used
    assert [o.version for o in model.opset_import if not o.domain] == [20]
    assert {o.domain for o in model.opset_import} == {""}


def test_each_norm_is_one_operator_between_two_reshapes(model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)
    norms = [node for node in nodes if node.op_type == "InstanceNormalization"]
    assert norms
    assert not {"ReduceMean", "Sqrt", "Pow"} & {node.op_type for node in nodes}
    makers = {name: node.op_type for node in nodes for name in node.output}
    for norm in norms:
        (user,) = [node for node in nodes if norm.output[0] in node.input]
        assert (makers[norm.input[0]], user.op_type) == ("Reshape", "Reshape")


@pytest.mark.parametrize("level", ["DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL"])
def test_every_level_of_optimization_gives_the_same(path: Path, level: str) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for size in SIZES:
        given = feed(path, *size)
        expected, actual = plain.run(None, given)[0], session.run(None, given)[0]
        np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_openvino_gives_the_same(path: Path) -> None:
    openvino = pytest.importorskip("openvino", reason="a second runtime, for this test alone")
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in SIZES:
        given = feed(path, *size)
        actual = compiled(given)["stylized"]
        expected = session.run(None, given)[0]
        assert np.ptp(expected) > 0.1  # a blend of many styles is pale, but not flat
        np.testing.assert_allclose(actual, expected, atol=1e-3)
