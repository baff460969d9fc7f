"""The command line: what is written, what is said and where, and the exit status."""

import sys
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from interp.network.classifier import load_classifier
from tests.interp.commands.calls import refused, run

MODEL = ("--model", "squeezenet1_1", "--weights", "random")


@pytest.fixture
def photo(folder: Path) -> Path:
    return folder / "blue" / "00.png"


COMMANDS = {
    "filters": ([], {"weights": (64, 3, 3, 3)}),
    "activations": (["PHOTO"], {"activations": (64, 111, 111), "channels": (64,)}),
    "neighbors": (
        ["FOLDER", "--query", "PHOTO", "--count", "3"],
        {"indices": (1, 3), "distances": (1, 3), "pixel_indices": (1, 3), "features": (12, 512)},
    ),
    "embed": (["FOLDER", "--view", "map"], {"coordinates": (12, 2), "places": (12, 2)}),
    "patches": (
        ["FOLDER", "--layer", "features.3", "--channels", "7,1", "--count", "2"],
        {"values": (2, 2), "images": (2, 2), "boxes": (2, 2, 4), "channels": (2,), "paths": (12,)},
    ),
    "saliency": (
        ["PHOTO", "PHOTO", "--method", "guided", "--class", "tiger cat"],
        {"map": (2, 224, 224), "classes": (2,), "paths": (2,)},
    ),
    "sanity": (
        ["PHOTO", "--method", "gradient"],
        {"correlations": (1, 26), "map": (1, 27, 224, 224), "layers": (26,), "methods": (1,)},
    ),
    "segment": (
        ["PHOTO", "--class", "282", "--crop"],
        {"mask": (1, 224, 224), "map": (1, 224, 224), "classes": (1,), "paths": (1,)},
    ),
    "attack": (
        ["PHOTO", "--steps", "1", "--target", "random"],
        {"images": (1, 3, 224, 224), "classes": (1,), "predicted": (2, 1), "paths": (1,)},
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_figure_and_data(command: str, folder: Path, photo: Path, tmp_path: Path) -> None:
    words, shapes = COMMANDS[command]
    figure, data = tmp_path / "f.png", tmp_path / "d.npz"
    named = [{"FOLDER": folder, "PHOTO": photo}.get(word, word) for word in words]
    result = run(command, *named, *MODEL, "-o", figure, "--data", data)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"wrote {figure}\nwrote {data}\n"
    with Image.open(figure) as image:
        assert image.mode == "RGB"
    with np.load(data) as arrays:
        assert {name: arrays[name].shape for name in shapes} == shapes
    assert "exists already; --overwrite" in refused(command, *named, *MODEL, "-o", figure)
    quiet = run(command, *named, *MODEL, "-o", figure, "--overwrite", "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


@pytest.mark.parametrize(
    ("size", "mode"), [((301, 259), "L"), ((1, 1), "RGB"), ((37, 501), "RGBA")]
)
@pytest.mark.parametrize("words", [["saliency"], ["segment", "--crop"], ["attack", "--steps", "1"]])
def test_photographs_of_every_kind(
    words: list[str], size: tuple[int, int], mode: str, tmp_path: Path
) -> None:
    photo, figure = tmp_path / "p.png", tmp_path / "f.png"
    Image.new(mode, size, 1).save(photo)
    result = run(*words, photo, *MODEL, "-o", figure)
    assert (result.exit_code, result.stderr) == (0, "")
    assert figure.exists()


@pytest.mark.parametrize("view", ["scatter", "grid"])
def test_embeddings_repeat(folder: Path, tmp_path: Path, view: str) -> None:
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    for figure in (first, second):
        assert run("embed", folder, *MODEL, "--view", view, "-o", figure).exit_code == 0
    assert first.read_bytes() == second.read_bytes()


def test_every_image_is_a_query_by_default(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "d.npz"
    assert run("neighbors", folder, *MODEL, "--data", data, "--count", 4).exit_code == 0
    with np.load(data) as arrays:
        assert arrays["indices"].shape == (12, 4)
        assert (arrays["indices"][:, 0] == np.arange(12)).all()
        assert (arrays["distances"][:, 0] == 0).all()


def test_layers() -> None:
    result = run("layers", *MODEL)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split()[:3] == ["layer", "kind", "shape"]
    assert lines[1].split() == ["features.0", "Conv2d", "64×111×111", "3×3"]
    assert lines[-1].split()[:3] == ["classifier", "Sequential", "1000×1×1"]


@pytest.mark.parametrize("command", ["neighbors", "embed", "patches"])
def test_a_file_that_fails_is_named_and_the_rest_done(
    command: str, folder: Path, tmp_path: Path
) -> None:
    bad = folder / "bad.jpg"
    bad.write_bytes(b"no image")
    figure = tmp_path / "f.png"
    result = run(command, folder, *MODEL, "--layer", "features.3", "-o", figure)
    assert (result.exit_code, result.stdout) == (1, f"wrote {figure}\n")
    assert result.stderr.startswith(f"Error: {bad}: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["filters"], "give -o FIGURE.png"),
        (["filters", "-o", "f.txt"], "a figure is one of .jpg"),
        (["filters", "--data", "d.json"], "written as .npz"),
        (["filters", "-o", "none/f.png"], "none: no such folder"),
        (["filters", "-o", "f.png", "--model", "squeeze"], "near it: squeezenet"),
        (["filters", "-o", "f.png", "--weights", "none.pth"], "none.pth: no such file"),
        (["filters", "-o", "f.png", "--layer", "features.00"], "near it: features.0"),
        (["embed", "EMPTY", "-o", "f.png"], "there is no image in this folder"),
        (["embed", "none", "-o", "f.png"], "none: no such file or folder"),
        (["embed", "PHOTO", "-o", "f.png"], "give at least 3"),
        (["embed", "PHOTO", "-o", "PHOTO", "--overwrite"], "is an input"),
        (["patches", "PHOTO", "-o", "f.png"], "give a --layer"),
        (["patches", "PHOTO", "-o", "f.png", "--layer", "classifier", "--channels", "x"], "17,42"),
        (["neighbors", "PHOTO", "-o", "f.png", "--metric", "l1"], "--metric"),
        (["saliency", "EMPTY", "-o", "f.png"], "there is no image in this folder"),
        (["segment", "EMPTY", "-o", "f.png"], "there is no image in this folder"),
        (["attack", "--folder", "EMPTY", "-o", "f.png"], "there is no image in this folder"),
        (["saliency", "PHOTO", "-o", "f.png", "--class", "tigre"], "near it: tiger"),
        (["sanity", "PHOTO", "-o", "f.png", "--class", "1000"], "they are 0 to 999"),
        (["segment", "PHOTO", "-o", "f.png", "--class", "cat"], "could be tiger cat"),
        (["attack", "PHOTO", "-o", "f.png", "--class", "goldfich"], "near it: goldfinch"),
        (["attack", "PHOTO", "-o", "f.png", "--target", "1000"], "they are 0 to 999"),
        (["saliency", "PHOTO", "-o", "f.png", "--model", "resnet19"], "near it: resnet"),
        (
            ["saliency", "PHOTO", "-o", "f.png", "--method", "grad-cam", "--layer", "features.99"],
            "near it: features.9",
        ),
        (["saliency", "PHOTO", "-o", "f.png", "--method", "gradcam"], "'grad-cam'"),
        (["saliency", "PHOTO", "-o", "f.png", "--window", "8"], "goes with --method occlusion"),
        (["saliency", "PHOTO", "-o", "f.png", "--layer", "features.3"], "give a --channel"),
        (["saliency", "PHOTO", "-o", "f.png", "--channel", "3"], "needs a --layer"),
        (
            ["saliency", "PHOTO", "-o", "f.png", "--method", "occlusion", "--window", "8"],
            "a stride of 16 does not fit a window of 8",
        ),
        (["saliences"], "saliences"),
    ],
)
def test_wrong_calls(
    words: list[str], said: str, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    model = () if "--model" in words else MODEL[:2]
    weights = () if "--weights" in words or words[0] == "saliences" else MODEL[2:]
    named = [{"PHOTO": photo, "EMPTY": "empty"}.get(word, word) for word in words]
    options = (*model, *weights) if words[0] != "saliences" else ()
    assert said in refused(*named, *options)
    assert not Path("f.png").exists()


def test_work_that_fails(tmp_path: Path, photo: Path) -> None:
    weights = tmp_path / "w.pth"
    torch.save(load_classifier("squeezenet1_1", "random").model.state_dict(), weights)
    out = ("-o", tmp_path / "f.png")
    line = refused("filters", "--model", "alexnet", "--weights", weights, *out)
    assert "does not fit alexnet: it lacks" in line
    photo.write_bytes(b"no image")
    for command in ("activations", "saliency", "sanity", "segment", "attack"):
        result = run(command, photo, *MODEL, *out)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"Error: {photo}: ")
    missing = tmp_path / "none.jpg"
    assert "none.jpg: cannot be read" in refused("sanity", missing, *MODEL, *out, status=1)


def test_a_download_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr("torch.hub.download_url_to_file", fail)
    line = refused("filters", "--model", "squeezenet1_1", "-o", tmp_path / "f.png")
    assert "squeezenet1_1 cannot be downloaded" in line
    assert "--weights FILE" in line


def test_a_missing_extra_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    monkeypatch.delitem(sys.modules, "interp.features.embedding", raising=False)
    line = refused("embed", folder, *MODEL, "-o", tmp_path / "f.png", status=1)
    assert "pip install 'painterly[interp]'" in line


@pytest.mark.parametrize("command", [None, "layers", *COMMANDS])
def test_help_has_an_example(command: str | None) -> None:
    result = run(*([command] if command else []), "--help")
    assert result.exit_code == 0
    assert "Example: interp " in " ".join(result.stdout.split())


@pytest.mark.parametrize("suffix", [".pdf", ".svg"])
def test_a_figure_can_be_drawn_with_lines(suffix: str, photo: Path, tmp_path: Path) -> None:
    figure = tmp_path / f"f{suffix}"
    result = run("saliency", photo, *MODEL, "-o", figure)
    assert (result.exit_code, result.stderr) == (0, "")
    assert figure.read_bytes()[:5] in (b"%PDF-", b"<?xml")
    assert "a figure is one of" in refused("dream", photo, "--layer", "a", *MODEL, "-o", figure)


def test_dots_per_inch(tmp_path: Path) -> None:
    sizes = []
    for dpi in (100, 200):
        figure = tmp_path / f"{dpi}.png"
        assert run("filters", *MODEL, "-o", figure, "--dpi", dpi).exit_code == 0
        with Image.open(figure) as image:
            sizes.append(image.size)
    assert sizes[1] == pytest.approx([2 * side for side in sizes[0]], abs=1)


@pytest.mark.parametrize(
    "words",
    [["saliency", "--no-crop"], ["segment"], ["attack", "--steps", "1", "--no-crop"]],
)
def test_the_whole_photograph(words: list[str], tmp_path: Path) -> None:
    photo, other, data = tmp_path / "p.png", tmp_path / "q.png", tmp_path / "d.npz"
    random = np.random.default_rng(0)
    for path, size in ((photo, (400, 256)), (other, (256, 300))):
        # Spots, as graph cuts take long on noise.
        spots = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
        spots.resize(size, Image.Resampling.BICUBIC).save(path)
    name = "images" if words[0] == "attack" else "map"
    assert run(*words, photo, *MODEL, "--data", data).exit_code == 0
    with np.load(data) as arrays:
        assert arrays[name].shape[-2:] == (256, 400)
    result = run(*words, photo, other, *MODEL, "--data", data, "--overwrite")
    assert result.exit_code == 0
    with np.load(data) as arrays:
        assert arrays[f"{name}_0"].shape[-2:] == (256, 400)
        assert arrays[f"{name}_1"].shape[-2:] == (300, 256)


def test_a_silent_neuron_is_one_line(photo: Path, tmp_path: Path) -> None:
    words = ("--layer", "features.1", "--channel", "0", "--place", "max", "--data")
    assert run("saliency", photo, *MODEL, *words, tmp_path / "d.npz").exit_code == 0
    assert "or max" in refused("saliency", photo, *MODEL, *words[:5], "least", "-o", "f.png")
