"""`styletransfer add-style`: the checkpoint that it writes, what it says, and wrong calls."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import Result
from PIL import Image

from styletransfer.checkpoint import TrainedNetwork, load_checkpoint, read_checkpoint
from styletransfer.export.graph import build_graph
from styletransfer.inference import Stylizer
from styletransfer.training import append
from tests.styletransfer.commands import calls
from tests.styletransfer.training.tiny import make_data, save_noise
from tests.styletransfer.untrained import STYLES, save_checkpoint

IMAGE = torch.rand(2, 3, 37, 50, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"), paintings=0)["photographs"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path / "c.ckpt")


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    return save_noise(tmp_path / "painting.png", 70, 60, 77)


@pytest.fixture
def call(checkpoint: Path, painting: Path, photographs: Path, tmp_path: Path) -> list[object]:
    """A right call, to which options can be added."""
    words = ["add-style", checkpoint, painting, "new", "-o", tmp_path / "out.ckpt"]
    return [*words, "--photographs", photographs, "--steps", 3, "--loss-weights", "random"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append, "CROP", 32)
    monkeypatch.setattr(append, "POOL", 2)


def add(call: list[object], *words: object) -> Result:
    result = calls.run(*call, *words)
    assert result.exit_code == 0, result.output
    return result


def exported(trained: TrainedNetwork, path: Path) -> Stylizer:
    onnx.save(build_graph(trained), path)
    return Stylizer(path, threads=1)


def test_the_old_styles_stay_to_the_bit_in_torch_and_in_onnx_runtime(
    call: list[object], checkpoint: Path, tmp_path: Path
) -> None:
    result, out = add(call), tmp_path / "out.ckpt"
    assert result.stderr == ""
    assert result.stdout == f"wrote {out}: identity, the_scream, udnie, new\n"
    before, after = load_checkpoint(checkpoint), load_checkpoint(out)
    assert after.styles == (*STYLES, "new")
    old, new = (
        exported(network, tmp_path / f"{len(network.styles)}.onnx") for network in (before, after)
    )
    for index, name in enumerate(STYLES):
        rows = torch.eye(3)[[index, index]], torch.eye(4)[[index, index]]
        with torch.no_grad():
            assert torch.equal(before.network(IMAGE, rows[0]), after.network(IMAGE, rows[1])), name
        first, second = (
            stylizer.stylize_tensor(IMAGE.numpy(), row.numpy())
            for stylizer, row in zip((old, new), rows, strict=True)
        )
        assert np.array_equal(first, second), name


def test_a_seed_repeats_exactly(call: list[object], tmp_path: Path) -> None:
    states = []
    for seed in (3, 3, 4):
        add(call, "--seed", seed, "--overwrite")
        states.append(read_checkpoint(tmp_path / "out.ckpt")["state_dict"])
    same = [all(torch.equal(states[0][n], other[n]) for n in other) for other in states[1:]]
    assert same == [True, False]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("tiny", "short side of 20 pixels, enlarged to 32"),
        ("gray", "is gray"),
        ("alpha", "transparent parts"),
    ],
)
def test_odd_paintings_are_used_with_a_warning(
    call: list[object], painting: Path, tmp_path: Path, kind: str, said: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    image = {
        "tiny": Image.fromarray(pixels[:20, :30]),
        "gray": Image.fromarray(pixels[..., 0]),
        "alpha": Image.fromarray(np.dstack([pixels, pixels[..., 0]])),
    }[kind]
    image.save(painting)
    result = add(call, "--quiet")
    assert result.stdout == ""
    assert said in result.stderr and result.stderr.startswith("Warning: ")
    assert result.stderr.count("\n") == 1
    assert load_checkpoint(tmp_path / "out.ckpt").styles[-1] == "new"


def test_wrong_calls(
    call: list[object],
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def train_nothing(*_: object) -> None:
        raise AssertionError("training began")

    def refused(*options: object, status: int = 2, **changes: object) -> str:
        places = {"ckpt": 1, "painting": 2, "name": 3}
        words = list(call)
        for place, value in changes.items():
            words[places[place]] = value
        return calls.refused(*words, *options, status=status)

    monkeypatch.setattr(append, "learn_rows", train_nothing)
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out.ckpt"
    assert "already" in refused(name="udnie")
    assert "no photograph" in refused("--photographs", tmp_path / "empty")
    assert "no such folder" in refused("--photographs", tmp_path / "none")
    assert "no such file" in refused("--loss-weights", tmp_path / "w")
    assert "bad.png" in refused(painting=tmp_path / "bad.png", status=1)
    assert "no such checkpoint" in refused(ckpt=tmp_path / "none.ckpt", status=1)
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    assert "of `train`" in refused(ckpt=tmp_path / "other.ckpt", status=1)
    assert "is the input" in refused("-o", checkpoint, "--overwrite")
    small = save_noise(tmp_path / "small" / "p.png", 20, 20, 0)
    assert "large enough for a crop" in refused("--photographs", small.parent)
    assert not out.exists()
    out.write_text("precious")
    assert "exists already" in refused()
    assert out.read_text() == "precious"
