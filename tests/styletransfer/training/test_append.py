"""add-style and select-styles: a new painting is learnt, and the others do not move by a bit."""

from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch.testing import assert_close

from styletransfer.checkpoint import (
    TrainedNetwork,
    append_styles,
    checkpoint_network,
    checkpoint_objective,
    load_checkpoint,
    read_checkpoint,
)
from styletransfer.commands.main import cli
from styletransfer.export.graph import build_graph
from styletransfer.inference import Stylizer
from styletransfer.networks import StyleNetwork
from styletransfer.training import append
from styletransfer.training.append import Painting, best_start, crop_batches
from styletransfer.training.photographs import PhotographStream
from tests.styletransfer.test_checkpoint import train
from tests.styletransfer.training.tiny import save_noise

IMAGE = torch.rand(2, 3, 37, 50, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("run"))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append, "CROP", 32)
    monkeypatch.setattr(append, "POOL", 2)


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    return save_noise(tmp_path / "painting.png", 70, 60, 77)


def run(*words: object) -> Result:
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def add(trained: Path, painting: Path, out: Path, *words: object, name: str = "new") -> Result:
    call = ("add-style", trained, painting, name, "-o", out, "--loss-weights", "random")
    content = ("--photographs", trained.parent / "photos", "--steps", 3)
    return run(*call, *content, *words)


def exported(trained: TrainedNetwork, path: Path) -> Stylizer:
    onnx.save(build_graph(trained), path)
    return Stylizer(path, threads=1)


def one_hot(styles: int, index: int) -> torch.Tensor:
    return torch.eye(styles)[[index, index]]


def test_the_old_styles_stay_to_the_bit_in_torch_and_in_onnx_runtime(
    trained: Path, painting: Path, tmp_path: Path
) -> None:
    grown = tmp_path / "grown.ckpt"
    result = add(trained, painting, grown)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"wrote {grown}: identity, painting0, painting1, painting2, new\n"
    before, after = load_checkpoint(trained), load_checkpoint(grown)
    assert after.styles == (*before.styles, "new")
    old, new = (
        exported(network, tmp_path / f"{len(network.styles)}.onnx") for network in (before, after)
    )
    for index, name in enumerate(before.styles):
        rows = one_hot(4, index), one_hot(5, index)
        with torch.no_grad():
            assert torch.equal(before.network(IMAGE, rows[0]), after.network(IMAGE, rows[1])), name
        first, second = (
            stylizer.stylize_tensor(IMAGE.numpy(), row.numpy())
            for stylizer, row in zip((old, new), rows, strict=True)
        )
        assert np.array_equal(first, second), name


def test_all_but_the_new_rows_stay_in_the_file(
    trained: Path, painting: Path, tmp_path: Path
) -> None:
    add(trained, painting, tmp_path / "grown.ckpt")
    before, after = read_checkpoint(trained), read_checkpoint(tmp_path / "grown.ckpt")
    for state in ("state_dict", "current_model_state"):
        for name, value in before[state].items():
            grown = after[state][name]
            assert torch.equal(grown[: len(value)], value), name
            assert len(grown) in (len(value), len(value) + 1)
    rows = [len(after["state_dict"][n]) - len(v) for n, v in before["state_dict"].items()]
    assert sum(rows) >= 6


def test_the_new_style_is_learnt(trained: Path, painting: Path) -> None:
    checkpoint = read_checkpoint(trained)
    photographs = append.find_photographs(trained.parent / "photos")
    target = Painting(painting, checkpoint_objective(checkpoint), "random")
    result = append.add_style(checkpoint, target, "new", photographs, steps=40, quiet=True)
    pool = list(islice(crop_batches(target, photographs, seed=0), 2))

    def loss(network: StyleNetwork, row: torch.Tensor, drafting: bool = False) -> float:
        # Padded as in training: crops of 32 pixels are nearly all padding to a network.
        network.train()
        with torch.no_grad():
            return sum(target.loss(network, c, row, drafting).item() for c in pool)

    # It starts from the blend of the others whose draft is the nearest.
    network = checkpoint_network(checkpoint)
    olds = [loss(network, torch.eye(4)[i], drafting=True) for i in (1, 2, 3)]
    start = best_start(network, target, pool)
    begun = checkpoint_network(append_styles(checkpoint, ["new"], start[None]))
    assert loss(begun, torch.eye(5)[4], drafting=True) <= min(olds) * (1 + 1e-5)
    first = loss(begun, torch.eye(5)[4])
    assert loss(checkpoint_network(result), torch.eye(5)[4]) < 0.9 * first


def test_half_precision_is_close_to_full(trained: Path, painting: Path) -> None:
    checkpoint = read_checkpoint(trained)
    full, half = (
        Painting(painting, checkpoint_objective(checkpoint), "random", precision)
        for precision in ("fp32", "bf16")
    )
    network, row = checkpoint_network(checkpoint), torch.tensor([0.0, 1.0, 0.0, 0.0])
    gains = network.get_parameter("fine.skip_gain").requires_grad_()
    losses = [one.loss(network, one.crops(IMAGE), row, drafting=False) for one in (full, half)]
    assert half.crops(IMAGE).content.dtype == torch.bfloat16
    assert losses[1].dtype == torch.float32
    assert losses[0] != losses[1]
    assert_close(losses[0], losses[1], rtol=0.02, atol=0)
    (gradient,) = torch.autograd.grad(losses[1], gains)
    assert gradient.isfinite().all()


def test_each_batch_comes_again_with_others_between(
    trained: Path, painting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "TIMES", 3)
    photographs = append.find_photographs(trained.parent / "photos")
    target = Painting(painting, checkpoint_objective(read_checkpoint(trained)), "random")
    batches = list(islice(crop_batches(target, photographs, seed=0), 8))
    stream = PhotographStream(photographs, 32, append.BATCH, 4)
    for batch, step in zip(batches, (0, 1, 0, 1, 0, 1, 2, 3), strict=True):
        images = stream.batch(step).images
        assert torch.equal(batch.images, images)
        assert torch.equal(batch.content, target.crops(images).content)


def test_a_photograph_that_is_passed_over_is_named_once(
    trained: Path, painting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = append.find_photographs(trained.parent / "photos")
    small = save_noise(painting.parent / "small" / "p.png", 20, 20, 0)
    target = Painting(painting, checkpoint_objective(read_checkpoint(trained)), "random")
    batches = crop_batches(target, [*photographs, small], seed=0)
    list(islice(batches, 8 * len(photographs)))
    assert capsys.readouterr().err.count(str(small)) == 1


def test_a_seed_repeats_exactly(trained: Path, painting: Path, tmp_path: Path) -> None:
    states = []
    for i, seed in enumerate((3, 3, 4)):
        assert add(trained, painting, tmp_path / f"{i}", "--seed", seed).exit_code == 0
        states.append(read_checkpoint(tmp_path / f"{i}")["state_dict"])
    same = [all(torch.equal(states[0][n], other[n]) for n in other) for other in states[1:]]
    assert same == [True, False]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("tiny", "short side of 20 pixels, scaled up to 32"),
        ("grey", "it is grey"),
        ("alpha", "transparent parts"),
    ],
)
def test_odd_paintings_are_used_with_a_warning(
    trained: Path, tmp_path: Path, kind: str, said: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    image = {
        "tiny": Image.fromarray(pixels[:20, :30]),
        "grey": Image.fromarray(pixels[..., 0]),
        "alpha": Image.fromarray(np.dstack([pixels, pixels[..., 0]])),
    }[kind]
    image.save(tmp_path / "odd.png")
    result = add(trained, tmp_path / "odd.png", tmp_path / "out.ckpt", "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert said in result.stderr and result.stderr.startswith("Warning: ")
    assert result.stderr.count("\n") == 1
    assert read_checkpoint(tmp_path / "out.ckpt")["styletransfer"]["styles"][-1] == "new"


def refused(result: Result, status: int = 2) -> str:
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    return result.stderr


def test_wrong_calls(
    trained: Path, painting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_nothing(*_: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr(append, "learn_rows", train_nothing)
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out.ckpt"
    assert "already" in refused(add(trained, painting, out, name="painting1"))
    assert "no photograph" in refused(
        add(trained, painting, out, "--photographs", tmp_path / "empty")
    )
    assert "no such folder" in refused(
        add(trained, painting, out, "--photographs", tmp_path / "none")
    )
    assert "no such file" in refused(add(trained, painting, out, "--loss-weights", tmp_path / "w"))
    assert "bad.png" in refused(add(trained, tmp_path / "bad.png", out), status=1)
    assert "no such checkpoint" in refused(add(tmp_path / "c", painting, out), status=1)
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    assert "of `train`" in refused(add(tmp_path / "other.ckpt", painting, out), status=1)
    assert "is the input" in refused(add(trained, painting, trained, "--overwrite"))
    small = tmp_path / "small" / "p.png"
    save_noise(small, 20, 20, 0)
    line = refused(add(trained, painting, out, "--photographs", small.parent))
    assert "holds a crop" in line.splitlines()[-1]
    assert not out.exists()
    out.write_text("precious")
    assert "exists already" in refused(add(trained, painting, out))
    assert out.read_text() == "precious"


def test_select_styles(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "two.ckpt"
    result = run("select-styles", trained, "painting2", "painting0", "-o", out)
    assert result.stdout == f"wrote {out}: identity, painting2, painting0\n"
    before, after = load_checkpoint(trained), load_checkpoint(out)
    with torch.no_grad():
        for new, old in ((1, 3), (2, 1)):
            expected = before.network(IMAGE, one_hot(4, old))
            assert torch.equal(after.network(IMAGE, one_hot(3, new)), expected)
    again = ("select-styles", trained, "painting1", "-o", out)
    assert "exists already" in refused(run(*again))
    assert run(*again, "--overwrite", "--quiet").stdout == ""
    assert load_checkpoint(out).styles == ("identity", "painting1")
    unknown = run("select-styles", trained, "monet", "-o", tmp_path / "none.ckpt")
    assert "there are painting" in refused(unknown)
