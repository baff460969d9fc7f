"""`interp attack`: what it writes and prints, and which calls it refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image

from interp.network.classifier import load_classifier
from tests.interp.commands import calls

MODEL = ("--model", "squeezenet1_1", "--weights", "random", "--steps", "1")


def run(*words: object) -> Result:
    return calls.run("attack", *words)


def test_an_image(folder: Path, tmp_path: Path) -> None:
    photo, figure, data = folder / "red" / "01.png", tmp_path / "f.png", tmp_path / "d.npz"
    result = run(photo, *MODEL, "--target", "random", "-o", figure, "--data", data)
    assert (result.exit_code, result.stdout) == (0, f"wrote {figure}\nwrote {data}\n")
    with np.load(data) as arrays:
        change = arrays["adversarial"] - arrays["images"]
        assert change.shape == (1, 3, 224, 224)
        assert np.abs(change).max() == pytest.approx(8 / 255, abs=1e-6)
        assert arrays["classes"] != arrays["predicted"][0]


def test_a_folder(folder: Path, tmp_path: Path) -> None:
    data, table = tmp_path / "d.npz", tmp_path / "t.csv"
    (folder / "bad.jpg").write_bytes(b"no image")
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*.*"))]
    table.write_text("file,class\n" + "".join(f"{name},toaster\n" for name in names))
    result = run("--folder", folder, "--labels", table, *MODEL, "--data", data)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {folder / 'bad.jpg'}: ")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["epsilon", "accuracy"]
    assert [line.split()[0] for line in lines[1:4]] == ["0", "0.25/255", "0.5/255"]
    assert lines[8] == "of 12 images"
    with np.load(data) as arrays:
        assert arrays["predicted"].shape == (7, 12)
        assert [line.split()[1] for line in lines[1:8]] == [f"{a:.1%}" for a in arrays["accuracy"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give images to attack, or a --folder"),
        (["a.png", "--folder", "b"], "give images to attack, or a --folder"),
        (["a.png", "--labels", "sorted"], "--labels are for a --folder"),
        (["a.png", "--class", "1", "--target", "2"], "leave it out with --target"),
        (["--folder", "b", "--class", "1"], "leave it out with --folder"),
        (["a.png", "--epsilon", "1/255,2/255"], "give one"),
        (["a.png", "--epsilon", "1/0"], "is no size"),
        (["a.png", "--epsilon", "inf"], "not greater than zero"),
        (["a.png", "--epsilon", "1/2/3"], "is no size"),
        (["a.png", "--step", "-1"], "not greater than zero"),
        (["--folder", "b", "--save", "c"], "--save is for single images"),
        (["a.png", "-o", "f.png"], "a.png: no such file or folder"),
    ],
)
def test_wrong_calls(words: list[str], said: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert said in result.stderr


def test_the_adversarial_pictures_as_files(folder: Path, tmp_path: Path) -> None:
    photo, save, data = folder / "red" / "01.png", tmp_path / "made", tmp_path / "d.npz"
    words = (photo, *MODEL[:4], "--steps", "5", "--save", save)
    result = run(*words, "--data", data)
    assert (result.exit_code, result.stderr) == (0, "")
    first = result.stdout.splitlines()[0]
    assert first.startswith(f"wrote {save / '01.png'}: seen as ")
    with np.load(data) as arrays, Image.open(save / "01.png") as picture:
        made = np.asarray(picture).transpose(2, 0, 1)
        np.testing.assert_array_equal(made, np.rint(arrays["adversarial"][0] * 255))
        before = arrays["predicted"][0, 0]
    classifier = load_classifier("squeezenet1_1", "random")
    with torch.no_grad():
        seen = int(classifier(torch.from_numpy(made / np.float32(255))[None]).argmax())
    assert ("still fooled" in first) == (seen != before)
    again = run(*words)
    assert again.exit_code == 2
    assert "01.png exists already" in again.stderr
