"""A new painting is learned, and the other styles do not move by a bit."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from styletransfer.checkpoint import (
    append_styles,
    checkpoint_network,
    checkpoint_objective,
    read_checkpoint,
)
from styletransfer.errors import WorkError
from styletransfer.networks import StyleNetwork
from styletransfer.training import append
from styletransfer.training.append import Painting, best_start, crop_batches
from styletransfer.training.photographs import PhotographStream
from styletransfer.training.sources import Files, find_photographs
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


def test_all_but_the_new_rows_stay(trained: Path, painting: Path) -> None:
    before, photographs = read_checkpoint(trained), trained.parent / "photos"
    after = append.add_painting(
        before, painting, "new", photographs, steps=3, loss_weights="random"
    )
    for state in ("state_dict", "current_model_state"):
        for name, value in before[state].items():
            grown = after[state][name]
            assert torch.equal(grown[: len(value)], value), name
            assert len(grown) in (len(value), len(value) + 1)
    rows = [len(after["state_dict"][n]) - len(v) for n, v in before["state_dict"].items()]
    assert sum(rows) >= 6


def test_the_new_style_is_learned(trained: Path, painting: Path) -> None:
    checkpoint = read_checkpoint(trained)
    photographs = find_photographs(trained.parent / "photos")
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
    assert half.crops(IMAGE).content[1].dtype == torch.bfloat16
    assert losses[1].dtype == torch.float32
    assert losses[0] != losses[1]
    # A value has 8 bits, and the norms of so little a picture magnify what is lost.
    assert_close(losses[0], losses[1], rtol=0.1, atol=0)
    (gradient,) = torch.autograd.grad(losses[1], gains)
    assert gradient.isfinite().all()


def test_each_batch_comes_again_with_others_between(
    trained: Path, painting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "TIMES", 3)
    photographs = find_photographs(trained.parent / "photos")
    target = Painting(painting, checkpoint_objective(read_checkpoint(trained)), "random")
    batches = list(islice(crop_batches(target, photographs, seed=0), 8))
    stream = PhotographStream(Files(photographs), 32, append.BATCH, 4)
    for batch, step in zip(batches, (0, 1, 0, 1, 0, 1, 2, 3), strict=True):
        images = stream.batch(step).images
        assert torch.equal(batch.images, images)
        for size, expected in target.crops(images).content.items():
            assert torch.equal(batch.content[size], expected)


def test_a_photograph_that_is_passed_over_is_named_once(
    trained: Path, painting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = find_photographs(trained.parent / "photos")
    small = save_noise(painting.parent / "small" / "p.png", 20, 20, 0)
    target = Painting(painting, checkpoint_objective(read_checkpoint(trained)), "random")
    batches = crop_batches(target, [*photographs, small], seed=0)
    list(islice(batches, 8 * len(photographs)))
    assert capsys.readouterr().err.count(str(small)) == 1


@pytest.mark.parametrize(("able", "precision"), [(True, "bf16"), (False, "fp32")])
def test_precision_is_chosen_by_the_device(
    trained: Path, painting: Path, monkeypatch: pytest.MonkeyPatch, able: bool, precision: str
) -> None:
    monkeypatch.setattr(append, "multiplies_bfloat16", lambda device: able)
    aim = checkpoint_objective(read_checkpoint(trained))
    assert Painting(painting, aim, "random", "auto").precision == precision
    assert Painting(painting, aim, "random", "fp32").precision == "fp32"


def test_no_memory_for_one_crop(
    trained: Path, painting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*words: Any) -> Any:
        if torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.zeros(())

    monkeypatch.setattr(Painting, "loss", none)
    with pytest.raises(WorkError, match="cpu: out of memory with one crop of 32 pixels"):
        append.add_painting(
            read_checkpoint(trained),
            painting,
            "new",
            trained.parent / "photos",
            steps=2,
            loss_weights="random",
        )
