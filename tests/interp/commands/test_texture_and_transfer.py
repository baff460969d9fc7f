"""`interp texture` and `interp transfer`: what is written, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from interp.network import memory
from interp.recording import Recorder
from interp.synthesis.loop import Progress
from styletransfer.images import to_pixels
from tests.interp.commands.calls import refused, run

MODEL = ("--model", "squeezenet1_1", "--weights", "random")
TEXTURE = (*MODEL, "--taps", "relu1,pool1", "--steps", "2")
TRANSFER = (
    *(*MODEL, "--style-taps", "relu1,fire2", "--content-tap", "fire2"),
    *("--size", "40", "--style-size", "80", "--steps", "2"),
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph, two paintings, masks; the tests run in their folder."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name, size in {
        "photo": (60, 80),
        "one": (40, 40),
        "two": (50, 44),
        "tiny": (6, 50),
    }.items():
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(f"{name}.png")
    mask = np.zeros((60, 80), np.uint8)
    Image.fromarray(mask).save("black.png")
    mask[:, :30] = 255
    Image.fromarray(mask).save("left.png")
    Image.fromarray(mask[:50]).save("other.png")
    Path("broken.png").write_bytes(b"no image")
    torch.save({}, "empty.pth")
    Path("damaged.pth").write_bytes(b"no weights")
    return tmp_path


def test_texture(files: Path) -> None:
    result = run(
        "texture", "one.png", "--size", "30x24", *TEXTURE, "-o", "t.png", "--data", "t.npz"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "wrote t.png\nwrote t.npz\n"
    with np.load("t.npz") as data, Image.open("t.png") as picture:
        assert picture.size == (30, 24)
        assert (to_pixels(data["image"]) == np.asarray(picture)).all()
        assert data["losses"].shape == (2,)
    assert "exists already" in refused("texture", "one.png", *TEXTURE, "-o", "t.png")


def test_texture_is_by_default_as_large_as_the_sample(files: Path) -> None:
    words = ("texture", "two.png", *TEXTURE, "--levels", "1", "--quiet")
    first, second = (run(*words, "-o", name) for name in ("a.png", "b.png"))
    assert (first.exit_code, first.output, second.exit_code) == (0, "", 0)
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    with Image.open("a.png") as picture:
        assert picture.size == (44, 50)


@pytest.mark.parametrize(
    ("words", "arrays"),
    [
        (["one.png"], {"losses", "style", "content"}),
        (["one.png", "two.png", "--blend", "2,1", "--start", "style"], {"style", "content"}),
        (["one.png", "two.png", "--mask", "left.png", "--mask", "rest"], {"style", "content"}),
        (["one.png", "--preserve-colors", "--optimizer", "adam"], {"style", "content"}),
        (["one.png", "--content-weight", "0", "--start", "noise"], {"style"}),
        (["--start", "noise"], {"content"}),
    ],
)
def test_transfer(files: Path, words: list[str], arrays: set[str]) -> None:
    result = run("transfer", "photo.png", *words, *TRANSFER, "-o", "t.png", "--data", "t.npz")
    assert (result.exit_code, result.stderr) == (0, "")
    with np.load("t.npz") as data, Image.open("t.png") as picture:
        assert picture.size == (53, 40)
        assert (to_pixels(data["image"]) == np.asarray(picture)).all()
        assert set(data) == arrays | {"image", "losses"}
        assert all(data[name].shape == (2,) for name in arrays)
        weighted = sum(data[n] * w for n, w in (("style", 20), ("content", 1)) if n in data)
        # What is missing is the prior that keeps pixels within 0..1.
        assert (data["losses"] >= weighted * (1 - 1e-6)).all()


def test_blends_of_one_style_are_that_style(files: Path) -> None:
    for name, words in {
        "a": ["one.png"],
        "b": ["one.png", "two.png", "--blend", "3,0"],
    }.items():
        assert run("transfer", "photo.png", *words, *TRANSFER, "-o", f"{name}.png").exit_code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_an_interrupt_writes_what_there_is(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Recorder.step

    def stop(recorder: Recorder, progress: Progress) -> None:
        step(recorder, progress)
        if recorder.done == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "step", stop)
    words = ("--levels", "2", "--save-every", "2", "--gif", "t.gif", "--preserve-colors")
    result = run("transfer", "photo.png", "one.png", *TRANSFER, *words, "-o", "t.png")
    assert result.exit_code == 130
    assert result.stderr == "interrupted after step 3 of 4; what there was is written\n"
    sizes = {}
    for name in ("t.png", "t-0002.png", "t.gif"):
        with Image.open(name) as picture:
            sizes[name] = picture.size
    assert sizes == {"t.png": (53, 40), "t-0002.png": (26, 20), "t.gif": (26, 20)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["texture", "one.png", *TEXTURE], "give -o FIGURE.png"),
        (["texture", "tiny.png", *TEXTURE], "the sample has 50×6 pixels"),
        (["texture", "one.png", *TEXTURE, "--size", "1x1x1"], "'1x1x1' is no size"),
        (["texture", "one.png", *TEXTURE, "--levels", "4"], "give at most 2"),
        (["texture", "one.png", *TEXTURE, "--rate", "1"], "--rate goes with --optimizer adam"),
        (["texture", "one.png", *TEXTURE, "--taps", "relu9"], "near it: relu1"),
        (["texture", "one.png", *TEXTURE, "--taps", ","], "at least one tap"),
        (["texture", "one.png", *TEXTURE, "--model", "vgg"], "no loss network is called 'vgg'"),
        (["texture", "one.png", *TEXTURE, "--weights", "x.pth"], "x.pth: no such file"),
        (
            ["texture", "one.png", *TEXTURE, "--weights", "damaged.pth"],
            "this file of weights cannot be read",
        ),
        (["texture", "one.png", *TEXTURE, "--weights", "empty.pth"], "; name shallower taps"),
        (["transfer", "photo.png", *TRANSFER], "start from noise"),
        (["transfer", "photo.png", "one.png", *TRANSFER, "--blend", "1,2"], "there are 1"),
        (["transfer", "photo.png", "one.png", *TRANSFER, "--blend", "x"], "is not a number"),
        (["transfer", "photo.png", "one.png", *TRANSFER, "--blend", "0"], "leaves no style"),
        (
            ["transfer", "photo.png", "one.png", *TRANSFER, "--blend", "1", "--mask", "left.png"],
            "--blend is for styles everywhere",
        ),
        (
            ["transfer", "photo.png", "one.png", *TRANSFER, "--mask", "other.png"],
            "other.png has 80×50 pixels, another shape than the photograph",
        ),
        (["transfer", "photo.png", "one.png", *TRANSFER, "--mask", "black.png"], "is black"),
        (
            ["transfer", "photo.png", "one.png", "two.png", *TRANSFER, "--mask", "left.png"],
            "the masks are 1 and the styles 2",
        ),
        (
            ["transfer", "photo.png", "one.png", "two.png", *TRANSFER, *["--mask", "rest"] * 2],
            "rest is given twice",
        ),
        (["transfer", "photo.png", "tiny.png", *TRANSFER, "--style-size", "5"], "style 1 has"),
    ],
)
def test_wrong_calls_are_one_line(files: Path, words: list[str], said: str) -> None:
    output = [] if "give -o" in said else ["-o", "out.png"]
    assert said in refused(*words, *output)
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["texture", "broken.png", *TEXTURE], "broken.png: "),
        (["texture", "none.png", *TEXTURE], "none.png: "),
        (["transfer", "photo.png", "broken.png", *TRANSFER], "broken.png: "),
        (["transfer", "photo.png", "one.png", *TRANSFER, "--mask", "none.png"], "none.png: "),
        (
            ["texture", "one.png", *TEXTURE, "--optimizer", "adam", "--rate", "1e30"],
            "step 2: the term ",
        ),
    ],
)
def test_failed_work_is_one_line(files: Path, words: list[str], said: str) -> None:
    assert said in refused(*words, "-o", "out.png", status=1)
    assert not Path("out.png").exists()


def test_what_does_not_fit_in_memory(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    said = refused("texture", "one.png", *TEXTURE, "--size", "90000", "-o", "out.png")
    assert "90032×90032 pixels needs" in said
    assert "of this shape that fits is" in said
