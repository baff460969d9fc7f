"""`interp class-image`, `facets`, `dream` and `invert`: what is written, said and refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interp.network import memory
from interp.recording import Recorder
from interp.synthesis.loop import Progress
from tests.interp.commands.calls import run

MODEL = ("--model", "squeezenet1_1", "--weights", "random")
QUICK = (*MODEL, "--steps", "2")

COMMANDS = {
    "class-image": (
        ["--class", "flamingo"],
        {"image": (3, 280, 280), "losses": (2,)},
    ),
    "facets": (
        ["FOLDER", "--class", "flamingo", "--count", "2"],
        {"image": (2, 3, 224, 224), "start": (2, 3, 224, 224), "losses": (2,)},
    ),
    "dream": (
        ["PHOTO", "--octaves", "2"],
        {"image": (3, 60, 80), "octaves": (1, 2, 2)},
    ),
    "invert": (
        ["PHOTO", "--layer", "features.3", "--layer", "features.4", "--size", "64"],
        {"image": (2, 3, 64, 64), "original": (3, 64, 64), "errors": (2,), "psnr": (2,)},
    ),
}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_figure_data_and_animation(command: str, folder: Path, photo: Path, tmp_path: Path) -> None:
    words, shapes = COMMANDS[command]
    named = [{"FOLDER": folder, "PHOTO": photo}.get(word, word) for word in words]
    figure, data, gif = tmp_path / "f.png", tmp_path / "d.npz", tmp_path / "a.gif"
    written = ("-o", figure, "--data", data, "--gif", gif)
    result = run(command, *named, *QUICK, *written, "--save-every", 2)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"wrote {figure}\nwrote {data}\nwrote {gif}\n"
    with np.load(data) as arrays:
        assert {name: arrays[name].shape for name in shapes} == shapes
    assert (tmp_path / "f-0002.png").exists()
    again = run(command, *named, *QUICK, "-o", tmp_path / "g.png", "--gif", gif)
    assert again.exit_code == 2
    assert "a.gif exists already; --overwrite" in again.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_an_interrupt_writes_what_there_is(
    command: str, folder: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Recorder.step

    def step(self: Recorder, progress: Progress) -> None:
        heard(self, progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "step", step)
    words, _ = COMMANDS[command]
    named = [{"FOLDER": folder, "PHOTO": photo}.get(word, word) for word in words]
    figure = tmp_path / "f.png"
    result = run(command, *named, *QUICK, "-o", figure)
    assert (result.exit_code, result.stdout) == (130, f"wrote {figure}\n")
    assert result.stderr.startswith("interrupted after step 1 of ")
    assert result.stderr.endswith("; what there was is written\n")


def test_zoom_makes_frames(photo: Path, tmp_path: Path) -> None:
    gif, data = tmp_path / "z.gif", tmp_path / "d.npz"
    words = ("--layer", "features.3", "--octaves", "2", "--size", "48", "--zoom", "3")
    result = run("dream", photo, *words, *QUICK, "--gif", gif, "--data", data)
    assert (result.exit_code, result.stderr) == (0, "")
    with Image.open(gif) as film, np.load(data) as arrays:
        assert (film.n_frames, film.size) == (3, (64, 48))
        assert arrays["octaves"].shape == (3, 2, 2)


def test_guided_dream(photo: Path, folder: Path, tmp_path: Path) -> None:
    plain, guided = tmp_path / "1.npz", tmp_path / "2.npz"
    words = ("dream", photo, "--layer", "features.3", "--octaves", "1", *QUICK)
    assert run(*words, "--data", plain).exit_code == 0
    guide = folder / "red" / "01.png"
    assert run(*words, "--data", guided, "--guide", guide).exit_code == 0
    with np.load(plain) as one, np.load(guided) as other:
        assert not np.array_equal(one["image"], other["image"])


def test_what_does_not_fit_in_memory(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2**20)
    words = ("--layer", "features.3", "--size", "400", "-o", tmp_path / "f.png")
    result = run("dream", photo, *words, *QUICK)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "533×400 pixels needs" in result.stderr
    assert "the largest of this shape that fits is " in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["class-image"], "give a --class, or a --layer and its --channel"),
        (["class-image", "--layer", "features.3"], "give a --class, or a --layer and its"),
        (["class-image", "--class", "1", "--layer", "a", "--channel", "1"], "give a --class, or"),
        (["class-image", "--class", "1", "--place", "1,1"], "--place is of a --layer"),
        (["class-image", "--class", "flamingoo"], "near it: "),
        (["class-image", "--class", "1", "--blur", "1"], "--blur is for pixels; give --basis"),
        (["class-image", "--class", "1", "--scale", "1"], "--scale 1.0 would leave nothing"),
        (["class-image", "--class", "1", "--l2", "-1"], "--l2 -1.0 is below zero"),
        (["class-image", "--class", "1", "--least-crop", "2"], "--least-crop 2.0 is more than"),
        (["class-image", "--class", "1", "--first-view", "1.1"], "--first-view 1.1 is more than"),
        (["class-image", "--class", "1", "--rate", "nan"], "--rate nan is below zero or no number"),
        (["class-image", "--class", "1", "--steps", "0"], "are at least 1"),
        (["class-image", "--layer", "features.33", "--channel", "1"], "near it: features.3"),
        (["class-image", "--layer", "features.3", "--channel", "128"], "they are 0 to 127"),
        (
            ["class-image", "--layer", "features.3", "--channel", "1", "--place", "55,1"],
            "no place 55,1; it has 55×55 places",
        ),
        (["facets", "FOLDER", "--class", "1", "--count", "13"], "12 different images make no 13"),
        (["dream", "PHOTO", "--layer", "fc"], "the model has no layer 'fc'"),
        (["dream", "PHOTO", "--layer", "a", "--layer", "b", "--guide", "PHOTO"], "give one"),
        (["dream", "PHOTO", "--layer", "a", "--zoom", "3"], "--zoom makes frames; give --gif"),
        (["dream", "PHOTO", "--layer", "features.12", "--octaves", "6"], "take fewer octaves"),
        (["invert", "PHOTO", "--layer", "fc"], "the model has no layer 'fc'"),
    ],
)
def test_wrong_calls(
    words: list[str], said: str, folder: Path, photo: Path, tmp_path: Path
) -> None:
    named = [{"FOLDER": folder, "PHOTO": photo}.get(word, word) for word in words]
    result = run(*named, *MODEL, "-o", tmp_path / "f.png")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert said in result.stderr
    assert not (tmp_path / "f.png").exists()
