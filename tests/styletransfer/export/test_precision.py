"""The fp16 variant: what is half, what is not, and what its pictures keep."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from styletransfer.checkpoint import TrainedNetwork
from styletransfer.errors import ParityError, PrecisionError
from styletransfer.export.graph import build_graph
from styletransfer.export.parity import LEAST_PIXELS, TOLERANCES, check_parity
from styletransfer.export.precision import rounded, to_half
from tests.styletransfer.networks.variants import SMALL, randomized

Tensor = NDArray[np.float32]

OPTIONS = {**SMALL, "coarse_channels": 16, "fine_channels": 16}
STYLES = ("identity", "a", "b")

# The weights of the layer through which the maps of the draft come.
GUIDE = "fine.guide.weight_float"


@pytest.fixture(scope="module")
def trained() -> TrainedNetwork:
    network = randomized("compact", len(STYLES), **OPTIONS)
    return TrainedNetwork(network, "compact", STYLES, "noise")


@pytest.fixture(scope="module")
def full(trained: TrainedNetwork) -> onnx.ModelProto:
    return build_graph(trained)


@pytest.fixture(scope="module")
def half(full: onnx.ModelProto) -> onnx.ModelProto:
    return to_half(full)


def run(model: onnx.ModelProto, image: Tensor, style: int, level: str = "ENABLE_ALL") -> Tensor:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}")
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    row = np.eye(len(STYLES), dtype=np.float32)[[style]]
    output: Tensor = session.run(None, {"image": image, "style_weights": row})[0]
    return output


def types(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    found = {value.name: value.type.tensor_type.elem_type for value in values}
    return found | {tensor.name: tensor.data_type for tensor in graph.initializer}


def test_inputs_output_and_norms_are_float32(half: onnx.ModelProto) -> None:
    found = types(half)
    for value in (*half.graph.input, *half.graph.output):
        assert found[value.name] == TensorProto.FLOAT
    norms = [node for node in half.graph.node if node.op_type == "InstanceNormalization"]
    assert norms
    for node in norms:
        assert {found[name] for name in (*node.input, *node.output)} == {TensorProto.FLOAT}


def test_convolutions_behind_the_first_norm_of_a_stage_run_in_half(half: onnx.ModelProto) -> None:
    found = types(half)
    normed: set[str] = set()
    for node in half.graph.node:
        # A draft, clipped to 0..1, is a photograph to the stage behind it; so are its maps.
        if node.op_type in ("Shape", "Clip") or GUIDE in node.input:
            continue
        if node.op_type == "InstanceNormalization" or normed.intersection(node.input):
            normed.update(node.output)
    convolutions = [node for node in half.graph.node if node.op_type == "Conv"]
    guide = [node for node in convolutions if GUIDE in node.input]
    behind = [node for node in convolutions if node.input[0] in normed and node not in guide]
    # Two in each of three blocks, the second block's depthwise one, and at the end of both stages
    # the one that reduces and the two that enlarge.
    assert len(behind) == 2 * 3 + 1 + 2 * 3
    assert {found[name] for node in behind for name in node.input} == {TensorProto.FLOAT16}
    # Of both stages the two strided ones, the first block's depthwise one, and the one that skips
    # all norms; and the two on the draft. The one on the draft's maps gets them in float32.
    others = [node for node in convolutions if node not in behind]
    assert len(others) == 2 * 4 + 2 + 1
    assert {found[name] for node in others for name in node.input} == {TensorProto.FLOAT}


def test_all_convolution_weights_are_stored_in_half(
    full: onnx.ModelProto, half: onnx.ModelProto
) -> None:
    def weights(model: onnx.ModelProto) -> list[onnx.TensorProto]:
        return [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]

    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in weights(half)}
    for tensor in weights(full):
        twin = stored.pop(f"{tensor.name}_half")
        np.testing.assert_array_equal(twin, numpy_helper.to_array(tensor).astype(np.float16))
    assert not stored


def test_no_needless_casts(half: onnx.ModelProto) -> None:
    casts = [node for node in half.graph.node if node.op_type == "Cast"]
    maker = {name: node for node in half.graph.node for name in node.output}
    assert not any(maker[x].op_type == "Cast" for c in casts for x in c.input if x in maker)
    counts = Counter(cast.input[0] for cast in casts)
    assert max(counts.values()) == 1
    norms = sum(node.op_type == "InstanceNormalization" for node in half.graph.node)
    weights = sum(cast.input[0] not in maker for cast in casts)
    # Two for each norm but the first of either stage, which float32 reaches. One for what leaves
    # each stage. Between, what was never normalized enters sums: in both stages the residual one
    # and that with the skip connection, the coarse one's tint, and the fine one's enlarged draft.
    # And one for the maps of the draft.
    stages = 2
    assert len(casts) - weights == 2 * norms - stages + stages + 2 * 2 + 2 + 1


def test_the_fp32_graph_is_untouched(full: onnx.ModelProto) -> None:
    before = full.SerializeToString(deterministic=True)
    to_half(full)
    assert full.SerializeToString(deterministic=True) == before


def test_it_passes_the_full_check_and_parity(
    trained: TrainedNetwork, half: onnx.ModelProto
) -> None:
    onnx.checker.check_model(half, full_check=True)
    differences = check_parity(trained, half, "fp16")
    held = [d.greatest for d in differences if d.height * d.width >= LEAST_PIXELS["fp16"]]
    assert len(held) >= 4 and 1e-6 < max(held) <= TOLERANCES["fp16"]


def test_a_nan_fails_the_parity_of_the_smallest_image(
    trained: TrainedNetwork, half: onnx.ModelProto
) -> None:
    broken = onnx.ModelProto()
    broken.CopyFrom(half)
    tensor = next(t for t in broken.graph.initializer if t.data_type == TensorProto.FLOAT16)
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), tensor.name))
    with pytest.raises(ParityError, match=r"at 1×3×1×1 .* differs from the network by nan"):
        check_parity(trained, broken, "fp16", sizes=[(1, 1, 1)])


@pytest.mark.parametrize("level", ["DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED"])
def test_every_optimization_level_paints_the_same(half: onnx.ModelProto, level: str) -> None:
    image = np.random.default_rng(0).random((1, 3, 33, 40), dtype=np.float32)
    np.testing.assert_allclose(run(half, image, 1, level), run(half, image, 1), atol=1e-2)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (40, 33)])
def test_strength_0_is_the_photograph_bit_for_bit(
    half: onnx.ModelProto, size: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).random((1, 3, *size), dtype=np.float32)
    np.testing.assert_array_equal(run(half, image, 0), image)


def test_a_hazy_sky_is_painted_as_in_fp32(full: onnx.ModelProto, half: onnx.ModelProto) -> None:
    # Three neighboring values out of 256: float16 ahead of the first norm would be off by 0.2. The
    # rounding of the draft remains, which is as flat as the sky in a network with random weights.
    random = np.random.default_rng(0)
    image = ((200 + random.integers(-1, 2, (1, 3, 64, 64))) / 255).astype(np.float32)
    for low in (half, rounded(half)):
        np.testing.assert_allclose(run(low, image, 1), run(full, image, 1), atol=2.5e-2)


def test_rounded_is_the_reference_evaluation_of_the_half_graph() -> None:
    """A convolution, its neighbor and a sum, each result rounded by hand with NumPy."""
    random = np.random.default_rng(0)
    one, two = (random.normal(size=(4, 4, 1, 1)).astype(np.float32) for _ in range(2))
    nodes = [
        helper.make_node("InstanceNormalization", ["image", "g", "b"], ["n"]),
        helper.make_node("Conv", ["n", "one"], ["c"]),
        helper.make_node("Conv", ["c", "two"], ["d"]),
        helper.make_node("Add", ["d", "image"], ["stylized"]),
    ]
    shape = [1, 4, 6, 6]
    stored = {"one": one, "two": two, "g": np.ones(4, np.float32), "b": np.zeros(4, np.float32)}
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("stylized", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    image = random.random(shape, dtype=np.float32)

    def low(x: NDArray[np.floating]) -> NDArray[np.float64]:
        return x.astype(np.float16).astype(np.float64)

    x = image.astype(np.float64)
    mean, variance = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    n = low((x - mean) / np.sqrt(variance + 1e-5))
    c = low(np.einsum("oi,nihw->nohw", low(one[:, :, 0, 0]), n))
    d = low(np.einsum("oi,nihw->nohw", low(two[:, :, 0, 0]), c))
    session = onnxruntime.InferenceSession(
        rounded(to_half(model)).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"image": image})
    # A sum that lies between two halves may round either way: nearly all must be equal.
    assert np.mean(np.abs(found - (d + x)) < 1e-6) > 0.95
    np.testing.assert_allclose(found, d + x, atol=2e-2)


def test_a_weight_beyond_half_is_refused(full: onnx.ModelProto) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(full)
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = 1e5
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    with pytest.raises(PrecisionError, match=rf"^{tensor.name} contains 1e\+05"):
        to_half(model)
