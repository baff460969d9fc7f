"""Models that are made for one size, that lie in another file format, and that fail."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.tools.onnx_model_utils import fix_output_shapes, make_input_shape_fixed

from styletransfer.errors import WorkError
from styletransfer.inference.stylizer import Stylizer
from tests.styletransfer.dataset.data_set import (
    check_manifest,
    data_set,
    failures,
    pictures,
    run,
    save,
    tree,
)


@pytest.fixture(params=[1, 2])
def fixed(model: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A model for one or two pictures of 9×6 pixels at a time."""
    proto = onnx.load(model)
    make_input_shape_fixed(proto.graph, "image", [request.param, 3, 6, 9])
    make_input_shape_fixed(proto.graph, "style_weights", [request.param, 4])
    fix_output_shapes(proto)
    onnx.save(proto, tmp_path / "fixed.onnx")
    return tmp_path / "fixed.onnx"


def test_a_model_for_one_size_takes_pictures_of_that_size(
    model: Path, fixed: Path, tmp_path: Path
) -> None:
    photos, out = data_set(tmp_path / "photos", 8), tmp_path / "out"
    options = ("--style", "random", "--model")
    run(photos, tmp_path / "whole", *options, model)
    assert run(photos, out, *options, fixed).exit_code == 1
    whole = pictures(tmp_path / "whole")
    odd = {name for name in whole if int(Path(name).stem) % 2}  # these are 9×8
    assert pictures(out) == {name: whole[name] for name in set(whole) - odd}
    reasons = failures(out)
    assert set(reasons) == odd
    assert all(
        "takes pictures of 9×6 pixels, and this one has 9×8" in reason
        for reason in reasons.values()
    )
    check_manifest(out)
    assert run(photos, out, *options, fixed, "--verify").exit_code == 0


def test_pictures_are_scaled_to_the_size_of_a_model(fixed: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    save(photos / "a.png", 12, 18)
    result = run(photos, out, "--style", "udnie", "--short-side", 6, "--model", fixed)
    assert (result.exit_code, result.stderr) == (0, "")
    check_manifest(out)


@pytest.mark.parametrize("more", [(), ("--memory", "500MB")])
def test_an_ort_file(model: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    photos = data_set(tmp_path / "photos", 4)
    words = ("--style", "random", *more, "--model")
    run(photos, tmp_path / "whole", *words, model)
    result = run(photos, tmp_path / "out", *words, tmp_path / "m.ort")
    assert (result.exit_code, result.stderr) == (0, "")
    assert pictures(tmp_path / "out") == pictures(tmp_path / "whole")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError("bad allocation"), "not enough memory; a smaller --short-side takes less"),
        (WorkError("the allocator of the model fails"), "the allocator of the model fails"),
        (RuntimeError("of alloc"), "of alloc"),
    ],
)
def test_what_a_failure_is_told_as_depends_on_its_type(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    photos, out = data_set(tmp_path / "photos", 2), tmp_path / "out"
    words = ("--style", "udnie", "--model", model)
    stylize = Stylizer.stylize_tensor

    def fails(self: Stylizer, images: np.ndarray, weights: np.ndarray) -> np.ndarray:
        if images.shape[2] == 8:
            raise error
        return stylize(self, images, weights)

    with monkeypatch.context() as patch:
        patch.setattr(Stylizer, "stylize_tensor", fails)
        assert run(photos, out, *words).exit_code == 1
    assert failures(out) == {"class1/001.png": reason}
    assert run(photos, out, *words, "--retry-failed").exit_code == 0
    assert set(tree(photos)) == set(pictures(out))
