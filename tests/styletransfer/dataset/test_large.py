"""What a run takes of memory and of disk: checked, said first, and kept to."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from styletransfer.dataset import destination
from styletransfer.inference import painter
from styletransfer.inference.limits import parse_bytes
from styletransfer.inference.stylizer import Stylizer
from styletransfer.inference.tiled import tiling
from tests.assets import shipped
from tests.styletransfer.commands.calls import load
from tests.styletransfer.dataset.data_set import data_set, failures, pictures, run, save, tree
from tests.styletransfer.peak import CAN_MEASURE, peak_of

HEIGHT, WIDTH = 400, 90


@pytest.fixture
def gallery() -> Path:
    return shipped("gallery.onnx")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A picture that `memory` has no room for, and one that it has."""
    save(tmp_path / "photos" / "large.png", HEIGHT, WIDTH)
    save(tmp_path / "photos" / "small.png", 40, 40)
    return tmp_path / "photos"


@pytest.fixture
def memory(gallery: Path) -> int:
    cost = (Stylizer(gallery).bytes_per_pixel or 0) + painter.COPIES
    return painter.BASE + cost * HEIGHT * WIDTH * 9 // 10


def test_a_picture_over_the_budget_is_stylized_in_tiles(
    gallery: Path, photos: Path, memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--style", "random", "--preserve-colors", "--model", gallery)
    run(photos, tmp_path / "whole", *options)

    heights, stylize_tiles = list[int](), tiling.stylize_tiles

    def noted(network: object, rows: tiling.ArrayRows, *rest: object, **more: object) -> None:
        heights.append(rows.height)
        stylize_tiles(network, rows, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(tiling, "stylize_tiles", noted)
    options = (*options, "--memory", memory)
    result = run(photos, tmp_path / "tiled", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
    assert re.match(r"large\.png: takes \S+ MB of \S+ [MG]B on disk in ", result.stderr)
    assert heights == [HEIGHT]
    whole, tiled = (tmp_path / name for name in ("whole", "tiled"))
    assert (tiled / "small.png").read_bytes() == (whole / "small.png").read_bytes()
    # Colors that are kept widen a level of difference where sRGB has steep curves.
    assert np.abs(load(tiled / "large.png") - load(whole / "large.png")).max() <= 3
    # Tiles may decide a level, so the record knows the budget.
    assert run(photos, tiled, *options, "--verify").exit_code == 0
    result = run(photos, tiled, *options[:-1], "2GB")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"was begun with memory {memory}, not 2000000000" in result.stderr


@pytest.mark.skipif(not CAN_MEASURE, reason="needs Linux's measure")
def test_a_run_keeps_to_the_least_that_the_refusal_names(gallery: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for number in range(2):
        save(photos / f"large{number}.png", 1100, 1500)
        save(photos / f"small{number}.png", 200, 200)
    call = ["stylize-dataset", photos, tmp_path / "refused", "--style", "random", "--workers", 2]
    call += ["--model", gallery, "--memory"]
    refused, _ = peak_of(*call, "170MB")
    assert refused.returncode == 1
    least = re.search(r"--memory (\S+),", refused.stderr)
    assert least is not None
    call[2] = tmp_path / "out"
    done, peak = peak_of(*call, least[1])
    assert (done.returncode, done.stderr.count("on disk in")) == (0, 2)
    assert peak <= parse_bytes(least[1])


def test_a_picture_whose_tiles_have_no_room_on_disk_fails_alone(
    gallery: Path, photos: Path, memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(destination, "LEAST_FREE_BYTES", 0)
    options = ("--style", "udnie", "--model", gallery, "--memory", memory)
    assert run(photos, tmp_path / "out", *options).exit_code == 1
    (reason,) = failures(tmp_path / "out").values()
    assert "no room for a scratch file" in reason and "set TMPDIR" in reason
    assert set(pictures(tmp_path / "out")) == {"small.png"}


def test_a_picture_that_no_tiles_are_small_enough_for_fails_before_it_is_read(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    save(photos / "large.png", 1000, 1000)
    save(photos / "small.png")
    options = ("--style", "udnie", "--model", model)
    result = run(photos, out, *options, "--memory", painter.BASE + 100_000)
    assert result.exit_code == 1
    (reason,) = failures(out).values()
    assert "1000×1000 pixels take at least 171 MB of memory" in reason
    assert set(pictures(out)) == {"small.png"}


def test_a_network_that_cannot_be_cut_stylizes_it_whole(model: Path, tmp_path: Path) -> None:
    photos = data_set(tmp_path / "photos", 4)
    options = ("--style", "random", "--model", model)
    run(photos, tmp_path / "whole", *options)
    options = (*options, "--memory", painter.BASE + 2000)
    assert run(photos, tmp_path / "out", *options).exit_code == 0
    assert failures(tmp_path / "out") == {}
    assert pictures(tmp_path / "out") == pictures(tmp_path / "whole")


def test_no_size_of_memory(model: Path, tmp_path: Path) -> None:
    photos = data_set(tmp_path / "photos", 2)
    words = (photos, tmp_path / "out", "--style", "udnie", "--model", model, "--memory", "much")
    result = run(*words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "memory 'much' is not a size" in result.stderr
    assert tree(tmp_path / "out") == {}
