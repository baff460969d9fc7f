"""Files of weights: what they hold, and one line for each way in which they can be damaged."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from styletransfer.errors import WeightsError
from styletransfer.losses.weights import read_weights

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b.c": torch.ones(1)}


@pytest.mark.parametrize("suffix", ["pth", "pt", "safetensors"])
def test_the_tensors_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w.{suffix}"
    save_file(STATE, path) if suffix == "safetensors" else torch.save(STATE, path)
    read = read_weights(path)
    assert read.keys() == STATE.keys()
    assert all(torch.equal(read[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize(
    "damage", ["empty", "html", "half", "another form", "one byte", "missing", "folder"]
)
def test_damage_is_one_line_that_names_the_file(tmp_path: Path, suffix: str, damage: str) -> None:
    path = tmp_path / f"w.{suffix}"
    save_file(STATE, path) if suffix == "safetensors" else torch.save(STATE, path)
    whole = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "html":
        path.write_text("<!DOCTYPE html><title>404</title>" * 20)
    elif damage == "half":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "another form":
        torch.save(STATE, path) if suffix == "safetensors" else save_file(STATE, path)
    elif damage == "one byte":
        path.write_bytes(b"\xff" + whole[1:] if suffix == "safetensors" else whole[:-1])
    else:
        path.unlink()
        if damage == "folder":
            path.mkdir()
    with pytest.raises(WeightsError) as error:
        read_weights(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("content", [[torch.ones(1)], {"a": 1}, torch.ones(2), {"a": STATE}])
def test_something_else_than_tensors_by_name(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="this is not a state dict"):
        read_weights(tmp_path / "w.pth")
