"""`styletransfer evaluate`: the table, the JSON file, and wrong calls."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from styletransfer.commands.main import cli
from tests.styletransfer.tiny_model import tiny_model
from tests.styletransfer.training.tiny import save_noise

STYLES = ("identity", "the_scream", "udnie")


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    for i in range(2):
        save_noise(tmp_path / "photos" / f"p{i}.png", 340, 330, i)
    for name in STYLES[1:]:
        save_noise(tmp_path / "styles" / f"{name}.png", 60, 50, len(name))
    tiny_model(tmp_path / "m.onnx", styles=STYLES)
    return {name: tmp_path / name for name in ("photos", "styles", "m.onnx")}


def run(folders: dict[str, Path], *words: object) -> Result:
    call = ["evaluate", "--model", folders["m.onnx"], "--photographs", folders["photos"]]
    call += ["--paintings", folders["styles"], "--loss-weights", "random", *words]
    result = CliRunner().invoke(cli, [str(word) for word in call])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_the_table_and_the_file(folders: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    result = run(folders, "--json", out, "--yardstick", 1, "--yardstick-cap", 1, "--threads", 1)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split(" | ")[0] for line in lines[:5]] == [
        "| name", "| ---", "| the_scream", "| udnie", "| mean",
    ]  # fmt: skip
    assert {line.count("|") for line in lines[:5]} == {15}
    assert any("L-BFGS" in line for line in lines) and lines[-1] == f"wrote {out}"
    figures = json.loads(out.read_text())
    assert figures["photographs"] == ["p0.png", "p1.png"]
    assert list(figures["styles"]) == list(STYLES[1:])
    # The tiny model's udnie is the negative of the photograph.
    negative = figures["styles"]["udnie"]["output"]
    assert negative["tone"] == pytest.approx(-1, abs=1e-5)
    assert negative["flicker"] == pytest.approx(1, abs=1e-3)
    assert negative["total_variation"] == pytest.approx(1, abs=1e-3)
    for report in figures["styles"].values():
        assert report["output"]["content"] > 0 == report["photograph"]["content"]
        assert report["output"]["milliseconds"] > 0
        assert report["photograph"]["tone"] == pytest.approx(1)
        for one in report.values():
            assert one["total"] == pytest.approx(20 * one["style"] + one["content"])
            scales = one["style_1"] + one["style_2"] + one["style_4"]
            assert one["style"] == pytest.approx(scales / 3)
    outputs = [report["output"]["style"] for report in figures["styles"].values()]
    assert figures["mean"]["output"]["style"] == pytest.approx(sum(outputs) / 2)
    (yardstick,) = figures["yardsticks"]
    assert (yardstick["photograph"], yardstick["style"]) == ("p0.png", "the_scream")
    assert yardstick["equivalent"]["cap"] == 1


def refused(folders: dict[str, Path], *words: object, status: int = 2) -> str:
    result = run(folders, *words)
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    return result.stderr


def test_wrong_calls(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no photograph" in refused(folders, "--photographs", tmp_path / "empty")
    assert "no such folder" in refused(folders, "--paintings", tmp_path / "none")
    assert "no such file of weights" in refused(folders, "--loss-weights", tmp_path / "w.pth")
    mine = tmp_path / "mine.json"
    mine.write_text("precious")
    assert "exists already" in refused(folders, "--json", mine)
    assert mine.read_text() == "precious"
    assert "no such folder" in refused(folders, "--json", tmp_path / "none" / "f.json")
    (folders["styles"] / "udnie.png").unlink()
    assert "no image of the style 'udnie'" in refused(folders)
    (folders["photos"] / "p0.png").write_bytes(b"no picture")
    (folders["photos"] / "p1.png").write_bytes(b"no picture")
    save_noise(folders["styles"] / "udnie.png", 60, 50, 0)
    lines = run(folders).stderr.splitlines()
    assert ["p0.png" in lines[0], "p1.png" in lines[1], len(lines)] == [True, True, 3]
    assert lines[2].startswith("Error: ") and "none of the photographs can be read" in lines[2]


def test_a_damaged_photograph_is_named_once_and_the_others_count(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    (folders["photos"] / "p0.png").write_bytes(b"no picture")
    out = tmp_path / "figures.json"
    result = run(folders, "--json", out, "--yardstick", 1, "--yardstick-cap", 1)
    assert result.exit_code == 0
    assert result.stderr.startswith("skipped ") and result.stderr.count("\n") == 1
    assert "p0.png" in result.stderr
    figures = json.loads(out.read_text())
    assert figures["photographs"] == ["p1.png"]
    assert figures["yardsticks"][0]["photograph"] == "p1.png"


def test_without_torch_one_line_says_what_brings_it(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.startswith("styletransfer.evaluation."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "pip install 'painterly[train]'" in refused(folders, status=1)
