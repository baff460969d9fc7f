"""A training step and what surrounds it: losses, refusals, resuming, checkpoints."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint
from torch import Tensor

from styletransfer.checkpoint import load_checkpoint
from styletransfer.errors import TrainingDataError
from styletransfer.training.batch_losses import move_of_batch
from styletransfer.training.callbacks import SampleGrid
from styletransfer.training.styles import read_paintings
from tests.styletransfer.training.tiny import data, module, trainer


def relative(value: Tensor, target: Tensor) -> Tensor:
    return ((value - target) ** 2).sum() / (target**2).sum()


def test_the_total_is_the_stated_sum(folders: dict[str, Path]) -> None:
    ours = module(
        folders["paintings"],
        style_weight=7.0,
        content_weight=3.0,
        tone_weight=0.5,
        tv_weight=0.25,
        grid_weight=20.0,
        per_painting={"painting1": 2.0},
    )
    ours.setup("fit")
    image = torch.rand(2, 3, 32, 40)
    stylized, parts = ours.losses(image, torch.tensor([1, 2]))
    critic = ours._critic[0]
    for i, factor in enumerate((1.0, 2.0)):
        painting = read_paintings([ours.painting_files[i]], 32)
        expected = critic.losses(
            stylized[i : i + 1], image[i : i + 1], critic.style_targets(painting)
        )
        assert set(parts) == {*expected, "total"}
        for name, value in expected.items():
            torch.testing.assert_close(parts[name][i], value[0], rtol=1e-4, atol=1e-6)
        total = 7 * factor * expected["style"] + 3 * expected["content"] + 20 * expected["grid"]
        total = total + 0.5 * expected["tone"] + 0.25 * expected["tv"]
        torch.testing.assert_close(parts["total"][i], total[0], rtol=1e-4, atol=1e-6)


def test_identity_samples_have_a_pixel_and_a_content_term_only(folders: dict[str, Path]) -> None:
    ours = module(folders["paintings"], network="johnson", network_options={}, pixel_weight=4.0)
    ours.setup("fit")
    image = torch.rand(1, 3, 32, 32)
    stylized, parts = ours.losses(image, torch.tensor([0]))
    expected = 4 * relative(stylized, image) + parts["content"][0]
    torch.testing.assert_close(parts["total"][0], expected)


def test_the_identity_is_trained_where_it_is_not_exact(folders: dict[str, Path]) -> None:
    assert module(folders["paintings"]).deck.identity_share == 0
    ours = module(folders["paintings"], network="johnson", network_options={})
    assert ours.deck.identity_share == pytest.approx(1 / 3)


def test_training_lowers_the_loss(folders: dict[str, Path], tmp_path: Path) -> None:
    ours = module(folders["paintings"], lr=5e-3)
    photographs = data(folders["photographs"])
    photographs.setup("fit")
    ours.setup("fit")
    image = photographs.val_dataloader().dataset[0].images  # type: ignore[union-attr, index]
    styles = torch.tensor([1, 2])
    before = ours.losses(image, styles)[1]["total"].mean().item()
    trainer(tmp_path, 40).fit(ours, photographs)
    assert ours.losses(image, styles)[1]["total"].mean().item() < 0.8 * before


def run(folders: dict[str, Path], root: Path, steps: int, resume: Path | None) -> dict[str, Any]:
    """Train `steps` of a run of 6; returns the last checkpoint."""

    class Stop(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *rest: Any) -> None:
            trainer.should_stop = trainer.global_step >= steps

    saving = ModelCheckpoint(dirpath=root, save_last=True, every_n_train_steps=steps)
    fitting = trainer(
        root, 6, [EMAWeightAveraging(decay=0.5), saving, Stop()], enable_checkpointing=True
    )
    fitting.fit(
        module(folders["paintings"]), data(folders["photographs"], workers=1), ckpt_path=resume
    )
    assert fitting.global_step == steps
    loaded: dict[str, Any] = torch.load(root / "last.ckpt", weights_only=True)
    return loaded


def test_a_stopped_and_resumed_run_equals_one_that_ran_through(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    through = run(folders, tmp_path / "through", 6, None)
    run(folders, tmp_path / "first", 3, None)
    resumed = run(folders, tmp_path / "second", 6, tmp_path / "first" / "last.ckpt")
    for key in ("state_dict", "current_model_state"):
        assert through[key].keys() == resumed[key].keys()
        for name, value in through[key].items():
            assert torch.equal(value, resumed[key][name]), (key, name)
    averaged, current = through["state_dict"], through["current_model_state"]
    assert not torch.equal(averaged["network.fine.tint"], current["network.fine.tint"])


def test_a_checkpoint_holds_the_network_and_not_the_loss_network(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    ours = module(folders["paintings"], trained_on="noise")
    fitting = trainer(tmp_path, 1)
    fitting.fit(ours, data(folders["photographs"]))
    fitting.save_checkpoint(tmp_path / "c.ckpt")
    state = torch.load(tmp_path / "c.ckpt", weights_only=True)["state_dict"]
    assert {name.partition(".")[0] for name in state} == {"network"}
    trained = load_checkpoint(tmp_path / "c.ckpt")
    assert trained.styles == ("identity", "painting0", "painting1")
    assert trained.trained_on == "noise"
    image, row = torch.rand(1, 3, 20, 24), torch.eye(3)[[2]]
    assert torch.equal(trained.network(image, row), ours.eval()(image, row))


def test_bf16_mixed_trains_on_the_cpu(folders: dict[str, Path], tmp_path: Path) -> None:
    ours = module(folders["paintings"])
    before = ours.network.fine.paint.weight.detach().clone()  # type: ignore[union-attr, operator]
    trainer(tmp_path, 3, precision="bf16-mixed").fit(ours, data(folders["photographs"]))
    after = ours.network.fine.paint.weight  # type: ignore[union-attr]
    assert after.dtype == torch.float32 and after.isfinite().all()  # type: ignore[union-attr, operator]
    assert not torch.equal(before, after)  # type: ignore[arg-type]
    assert ours.counters()["refused_steps"] == 0


def test_skipped_files_are_counted_once(folders: dict[str, Path], tmp_path: Path) -> None:
    bad = folders["photographs"] / "bad.jpg"
    bad.write_bytes(b"no picture")
    ours = module(folders["paintings"])
    with pytest.warns(UserWarning, match="bad.jpg") as warned:
        trainer(tmp_path, 12).fit(ours, data(folders["photographs"], held_out=0))
    assert ours.counters()["skipped_files"] == 1
    assert sum("bad.jpg" in str(w.message) for w in warned) == 1


def test_a_damaged_photograph_among_the_held_out_is_counted_once(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    photographs = data(folders["photographs"], batch_size=1)
    photographs.setup("fit")
    damaged = Path(photographs.validation.name(0))
    damaged.write_bytes(b"no picture")
    ours = module(folders["paintings"])
    validated = []

    class Look(SampleGrid):
        def on_validation_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
            validated.append(trainer.callback_metrics["val/total"].isfinite().item())

    with pytest.warns(UserWarning, match="not an image") as warned:
        fitting = trainer(tmp_path, 4, [Look()], val_check_interval=2, check_val_every_n_epoch=None)
        fitting.fit(ours, photographs)
    assert validated == [True, True]
    assert ours.counters()["skipped_files"] == 1
    assert sum(damaged.name in str(w.message) for w in warned) == 1


def test_a_weight_for_an_unknown_style_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(TrainingDataError, match="monet"):
        module(folders["paintings"], per_painting={"monet": 2.0})


def test_stability_is_the_change_with_a_photograph_that_has_moved(folders: dict[str, Path]) -> None:
    ours = module(folders["paintings"], stability_weight=2.0)
    ours.setup("fit")
    ours.trainer = pl.Trainer(max_steps=9, accelerator="cpu", logger=False)
    image, styles = torch.rand(2, 3, 40, 36), torch.tensor([1, 2])
    stylized, parts = ours.losses(image, styles)
    down, right = move_of_batch(0, 0).tolist()
    # A window of 33×29 pixels, wherever it moves.
    window = (..., slice(down, down + 33), slice(right, right + 29))
    moved = ours(image[window], torch.eye(3)[styles])
    # That of the first sample stands for all.
    expected = relative(moved[0], stylized[window][0])
    torch.testing.assert_close(parts["stability"], expected.expand(2))
    without = parts["total"] - 2 * parts["stability"]
    torch.manual_seed(5)
    other = module(folders["paintings"])
    other.setup("fit")
    torch.testing.assert_close(other.losses(image, styles)[1]["total"], without)
    # Photographs for validation stay where they are.
    assert "stability" not in ours.eval().losses(image, styles)[1]


def test_moves_are_all_within_a_cell_and_none_is_no_move() -> None:
    moves = {tuple(move_of_batch(3, batch).tolist()) for batch in range(800)}
    assert moves == {(d, r) for d in range(8) for r in range(8)} - {(0, 0)}
    again = [move_of_batch(3, batch).tolist() for batch in range(9)]
    assert [move_of_batch(3, batch).tolist() for batch in range(9)] == again
