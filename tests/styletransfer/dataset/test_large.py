"""A picture that the memory budget has no room for is stylized in tiles."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.dataset import stages
from styletransfer.inference import painter
from styletransfer.inference.stylizer import Stylizer
from styletransfer.inference.tiled import tiling
from tests.assets import shipped
from tests.styletransfer.dataset.data_set import data_set, failures, run, save, tree

HEIGHT, WIDTH = 270, 200


def load(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_a_picture_over_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = shipped("gallery.onnx")
    photos = tmp_path / "photos"
    save(photos / "large.png", HEIGHT, WIDTH)
    save(photos / "small.png", 40, 40)
    options = ("--style", "random", "--preserve-colors", "--model", gallery)
    run(photos, tmp_path / "whole", *options)

    heights, stylize_tiles = list[int](), tiling.stylize_tiles

    def noted(network: object, rows: tiling.ArrayRows, *rest: object, **more: object) -> None:
        heights.append(rows.height)
        stylize_tiles(network, rows, *rest, **more)  # type: ignore[arg-type]

    cost = (Stylizer(gallery).bytes_per_pixel or 0) + painter.COPIES
    room = painter.BASE + cost * HEIGHT * WIDTH // 2
    monkeypatch.setattr(stages, "picture_bytes", lambda: room)
    monkeypatch.setattr(tiling, "stylize_tiles", noted)
    result = run(photos, tmp_path / "tiled", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert heights == [HEIGHT]
    whole, tiled = (tmp_path / name for name in ("whole", "tiled"))
    assert (tiled / "small.png").read_bytes() == (whole / "small.png").read_bytes()
    # Colours that are kept widen a level of difference where sRGB has steep curves.
    assert np.abs(load(tiled / "large.png") - load(whole / "large.png")).max() <= 3


def test_a_network_that_cannot_be_cut_stylizes_it_whole(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = data_set(tmp_path / "photos", 4)
    options = ("--style", "random", "--model", model)
    run(photos, tmp_path / "whole", *options)
    monkeypatch.setattr(stages, "picture_bytes", lambda: 1)
    assert run(photos, tmp_path / "out", *options).exit_code == 0
    assert failures(tmp_path / "out") == {}
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
