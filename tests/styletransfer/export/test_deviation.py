"""How far two models are apart, by a formula, and on which pictures that is measured."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from styletransfer.errors import RequestError
from styletransfer.export import deviation as module
from styletransfer.export.deviation import choose_pictures, deviation, photograph_feeds
from tests.styletransfer.tiny_model import STYLES, tiny_model


def photographs(folder: Path, count: int) -> Path:
    for number in range(count):
        Image.new("RGB", (6, 4), (number, 10, 20)).save(folder / f"{number:03}.png")
    return folder


def test_greatest_and_mean_by_formula(tmp_path: Path) -> None:
    model = onnx.load(tiny_model(tmp_path / "m.onnx"))
    other = onnx.load(tiny_model(tmp_path / "o.onnx"))
    offsets = next(t for t in other.graph.initializer if t.name == "offsets")
    values = onnx.numpy_helper.to_array(offsets).copy()
    values[1] += [0.25, 0, 0]  # the_scream: its red rises by a quarter
    offsets.CopyFrom(onnx.numpy_helper.from_array(values, "offsets"))
    gray = np.full((1, 3, 2, 3), 0.25, np.float32)
    rows = np.eye(len(STYLES), dtype=np.float32)
    # One picture differs by 1/4 in a third of its values; the second, of twice the pixels, nowhere.
    found = deviation(model, other, [(gray, rows[[1]]), (gray.repeat(2, 2), rows[[2]])])
    assert found.greatest == pytest.approx(0.25)
    assert found.mean == pytest.approx(0.25 / 3 / 3)


def test_nothing_to_compare(tmp_path: Path) -> None:
    model = onnx.load(tiny_model(tmp_path / "m.onnx"))
    with pytest.raises(ValueError, match="nothing to compare"):
        deviation(model, model, [])


def test_few_photographs_meet_every_style(tmp_path: Path) -> None:
    pictures = choose_pictures(photographs(tmp_path, 3), styles=5)
    assert len(pictures) == len(set(pictures)) == 12
    assert Counter(style for _, style in pictures) == {1: 3, 2: 3, 3: 3, 4: 3}


def test_many_photographs_are_thinned_and_the_styles_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PICTURES", 6)
    pictures = choose_pictures(photographs(tmp_path, 20), styles=4)
    assert [path.stem for path, _ in pictures[:5]] == ["000", "004", "008", "012", "016"]
    assert [style for _, style in pictures] == [1, 2, 3, 1, 2, 2]


def test_a_network_of_the_identity_alone(tmp_path: Path) -> None:
    assert [style for _, style in choose_pictures(photographs(tmp_path, 2), styles=1)] == [0, 0]


def test_feeds_are_the_photographs_at_one_size(tmp_path: Path) -> None:
    pictures = choose_pictures(photographs(tmp_path, 1), styles=3)
    feeds = list(photograph_feeds(pictures, 3))
    assert [rows.tolist() for _, rows in feeds] == [[[0, 1, 0]], [[0, 0, 1]]]
    for image, _ in feeds:
        assert image.shape == (1, 3, module.SIDE, module.SIDE * 3 // 2)
        np.testing.assert_allclose(image[0, :, 0, 0], np.array([0, 10, 20]) / 255, atol=1e-6)


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no image"):
        choose_pictures(tmp_path, 3)


def test_a_damaged_photograph_is_named_once_and_the_others_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photographs(tmp_path, 3)
    (folder / "001.png").write_bytes(b"no picture")
    pictures = choose_pictures(folder, styles=4)
    assert {path.name for path, _ in pictures} == {"000.png", "002.png"} and len(pictures) == 6
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("skipped ") and "001.png" in lines[0]
    for path in folder.iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(RequestError, match="none of its photographs can be read"):
        choose_pictures(folder, 3)
