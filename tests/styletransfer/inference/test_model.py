"""A model file is opened if it is ours, and refused with what it lacks if it is not."""

from pathlib import Path

import pytest

import styletransfer
from styletransfer.errors import ModelError
from styletransfer.inference.model import KEYS, gallery_path, open_model
from tests.styletransfer.tiny_model import METADATA, STYLES, tiny_model


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
        ("receptive_field", "wide", "receptive_field is not a number"),
        ("styles", "identity, udnie", "not a JSON list"),
        ("styles", '{"identity": 0}', "not a JSON list"),
        ("styles", "[1, 2, 3, 4]", "not a JSON list"),
        ("styles", "[]", "not a JSON list"),
        ("styles", '["udnie", "identity", "a", "b"]', "the first identity"),
        ("styles", '["identity", "a", "a", "b"]', "different names"),
        ("styles", '["identity", "a"]', "it names 2 styles and takes 4 weights"),
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
