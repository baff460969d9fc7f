"""A model file is opened if it is ours, and refused with what it lacks if it is not."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnxruntime.tools.onnx_model_utils import fix_output_shapes, make_input_shape_fixed

import styletransfer
from styletransfer.errors import ModelError
from styletransfer.export import KEYS
from styletransfer.images import Picture
from styletransfer.inference import Stylizer
from styletransfer.inference.limits import Tiles
from styletransfer.inference.model import gallery_path, open_model
from styletransfer.inference.painter import Painter
from tests.styletransfer.tiny_model import METADATA, STYLES, expected, tiny_model


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        open_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_opens_ours(tmp_path: Path) -> None:
    model = open_model(tiny_model(tmp_path / "m.onnx"), threads=1)
    assert model.styles == STYLES
    assert (model.network, model.receptive_field, model.trained_on) == ("tiny", 1, "nothing")
    options = model.session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_dynamic_number_of_weights(tmp_path: Path) -> None:
    assert open_model(tiny_model(tmp_path / "m.onnx", columns="S")).styles == STYLES


def test_missing_file(tmp_path: Path) -> None:
    assert "no such model file" in refusal(tmp_path / "none.onnx")
    assert "no such model file" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a protobuf at all"])
def test_not_an_onnx_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert "not an ONNX file that can be run" in refusal(path)


def test_truncated_onnx_file(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes()[:200])
    assert "not an ONNX file that can be run" in refusal(path)


@pytest.mark.parametrize("key", KEYS)
def test_names_the_key_it_lacks(tmp_path: Path, key: str) -> None:
    message = refusal(tiny_model(tmp_path / "m.onnx", without=[key]))
    assert message.endswith(f"it lacks metadata {key}")


def test_names_all_that_it_lacks(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.onnx", without=list(METADATA), names=["x", "w", "y"])
    lacking = [f"metadata {key}" for key in KEYS]
    lacking += ["input image", "input style_weights", "output stylized"]
    assert refusal(path).endswith(f"it lacks {', '.join(lacking)}")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", "2", "its styletransfer.format is '2'"),
        ("receptive_field", "wide", "receptive_field is 'wide'"),
        ("styles", "identity, udnie", "not a JSON list"),
        ("styles", '{"identity": 0}', "not a JSON list"),
        ("styles", "[1, 2, 3, 4]", "not a JSON list"),
        ("styles", "[]", "not a JSON list"),
        ("styles", '["udnie", "identity", "a", "b"]', "the first identity"),
        ("styles", '["identity", "a", "a", "b"]', "different names"),
        ("styles", '["identity", "a"]', "it names 2 styles but takes 4 weights"),
    ],
)
def test_metadata_that_says_something_wrong(
    tmp_path: Path, key: str, value: str, said: str
) -> None:
    path = tiny_model(tmp_path / "m.onnx", metadata={f"styletransfer.{key}": value})
    assert said in refusal(path)


def test_gallery_of_a_checkout_and_of_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "styletransfer"
    monkeypatch.setattr(styletransfer, "__file__", str(package / "__init__.py"))
    assert gallery_path() == tmp_path / "checkpoints" / "gallery.onnx"
    shipped = package / "checkpoints" / "gallery.onnx"
    shipped.parent.mkdir(parents=True)
    tiny_model(shipped)
    assert gallery_path() == shipped


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("styles", "[" * 100_000, "not a JSON list"),
        ("styles", '["identity", "", "a", "b"]', "not a JSON list"),
        ("styles", '["identity", ["a"], "b", "c"]', "not a JSON list"),
        ("receptive_field", "9" * 5000, "receptive_field is '99999"),
        ("receptive_field", "0", "not a number from 1"),
        ("receptive_field", "-4", "not a number from 1"),
        ("bytes_per_pixel", "1e300", "bytes_per_pixel is '1e300'"),
        ("bytes_per_pixel", "", "bytes_per_pixel is ''"),
        ("format", "1" * 5000, "styletransfer.format is '1111"),
    ],
)
def test_metadata_of_any_kind(tmp_path: Path, key: str, value: str, said: str) -> None:
    message = refusal(tiny_model(tmp_path / "m.onnx", metadata={f"styletransfer.{key}": value}))
    assert said in message
    assert len(message) < 400


@given(
    key=st.sampled_from(
        ("format", "styles", "network", "receptive_field", "trained_on", "bytes_per_pixel")
    ),
    value=st.text(max_size=40)
    | st.recursive(
        st.none() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4)
    ).map(json.dumps),
)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_fifty_malformed_models(key: str, value: str) -> None:
    """A file is opened with the metadata as it is, or refused in one line."""
    with TemporaryDirectory() as folder:
        path = tiny_model(Path(folder) / "m.onnx", metadata={f"styletransfer.{key}": value})
        try:
            model = open_model(path, threads=1)
        except ModelError as error:
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
        else:
            assert key in ("network", "trained_on") or value.isdecimal() or value == "1"
            assert model.styles == STYLES


def edited(path: Path, edit: Callable[[onnx.ModelProto], object]) -> Path:
    model = onnx.load(tiny_model(path))
    edit(model)
    onnx.save(model, path)
    return path


def test_an_output_of_another_type(tmp_path: Path) -> None:
    def edit(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = "floats"
        model.graph.node.append(helper.make_node("Cast", ["floats"], ["stylized"], to=10))
        model.graph.output[0].type.tensor_type.elem_type = 10

    assert "output stylized of type tensor(float16)" in refusal(edited(tmp_path / "m.onnx", edit))


@pytest.mark.parametrize("order", [[0, 2, 3, 1], [0, 1, 3, 2]])
def test_an_output_that_is_transposed(tmp_path: Path, order: list[int]) -> None:
    def edit(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = "straight"
        turn = helper.make_node("Transpose", ["straight"], ["stylized"], perm=order)
        model.graph.node.append(turn)
        sides = ["N", 3, "H", "W"]
        del model.graph.output[:]
        shape = [sides[place] for place in order]
        model.graph.output.append(helper.make_tensor_value_info("stylized", 1, shape))

    said = refusal(edited(tmp_path / "m.onnx", edit))
    assert ("not N×3×H×W" if order[1] != 1 else "is transposed: W×H") in said


def test_an_output_whose_shape_only_a_run_tells(tmp_path: Path) -> None:
    def edit(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = "straight"
        turn = helper.make_node("Transpose", ["straight"], ["stylized"], perm=[0, 1, 3, 2])
        model.graph.node.append(turn)
        del model.graph.output[:]
        shape = ["a", 3, "b", "c"]
        model.graph.output.append(helper.make_tensor_value_info("stylized", 1, shape))

    stylizer = Stylizer(edited(tmp_path / "m.onnx", edit), threads=1)
    with pytest.raises(ModelError, match="turns 1×3×4×7 into 1×3×7×4"):
        stylizer(np.zeros((4, 7, 3), np.uint8), "udnie")


class TestFixedSizes:
    """Files that are made for one size and batch, as `make_dynamic_shape_fixed` makes them."""

    @pytest.fixture
    def stylizer(self, tmp_path: Path) -> Stylizer:
        def edit(model: onnx.ModelProto) -> None:
            make_input_shape_fixed(model.graph, "image", [2, 3, 6, 9])
            make_input_shape_fixed(model.graph, "style_weights", [2, 4])
            fix_output_shapes(model)

        return Stylizer(edited(tmp_path / "m.onnx", edit), threads=1)

    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_batches_of_any_number(self, stylizer: Stylizer, count: int) -> None:
        random = np.random.default_rng(0)
        images = random.random((count, 3, 6, 9), np.float32)
        weights = random.dirichlet(np.ones(4), count).astype(np.float32)
        stylized = stylizer.stylize_tensor(images, weights)
        np.testing.assert_allclose(stylized, expected(images, weights), atol=1e-6)

    @pytest.mark.parametrize("tiles", [None, Tiles(), Tiles(5)])
    def test_a_picture_of_that_size_and_of_another(
        self, stylizer: Stylizer, tiles: Tiles | None
    ) -> None:
        photo = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        painted = Painter(stylizer, tiles=tiles)(Picture(photo), "udnie")
        np.testing.assert_array_equal(painted.rgb, 255 - photo)
        with pytest.raises(ModelError, match="takes pictures of 9×6 pixels, and this one has 6×9"):
            Painter(stylizer, tiles=tiles)(Picture(photo.transpose(1, 0, 2).copy()), "udnie")


def test_an_ort_file(tmp_path: Path) -> None:
    tiny_model(tmp_path / "m.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(tmp_path / "m.onnx", options, providers=["CPUExecutionProvider"])
    stylizer = Stylizer(tmp_path / "m.ort", threads=1)
    photo = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    painted = Painter(stylizer, tiles=Tiles())(Picture(photo), "udnie")
    np.testing.assert_array_equal(painted.rgb, 255 - photo)
    with pytest.raises(ModelError, match=r"m\.ort: only an \.onnx file can run in tiles"):
        Painter(stylizer, tiles=Tiles(5))(Picture(photo), "udnie")
