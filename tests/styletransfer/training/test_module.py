"""A training step and what surrounds it: losses, refusals, resuming, checkpoints."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint
from torch import Tensor

from styletransfer.checkpoint import load_checkpoint
from styletransfer.errors import DivergenceError, TrainingDataError
from styletransfer.losses.objective import averaged
from styletransfer.training.batch_losses import move_of_batch
from styletransfer.training.callbacks import SampleGrid
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.styles import read_paintings
from tests.styletransfer.training.tiny import data, make_data, module, trainer


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return make_data(tmp_path)


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


class Poisoned(StyleTransferModule):
    """Loses its mind at given steps."""

    poisoned: range
    gradient_only = False

    def losses(self, image: Tensor, styles: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        stylized, parts = super().losses(image, styles)
        if self.trainer.global_step in self.poisoned:
            if self.gradient_only:
                # Finite itself, and its derivative at 0 is infinite.
                parts["total"] = parts["total"] + (0 * stylized).abs().sqrt().sum()
            else:
                parts["total"] = parts["total"] * float("nan")
        return stylized, parts


def poisoned(folders: dict[str, Path], steps: range, gradient_only: bool = False) -> Poisoned:
    ours = module(folders["paintings"])
    ours.__class__ = Poisoned
    assert isinstance(ours, Poisoned)
    ours.poisoned = steps
    ours.gradient_only = gradient_only
    return ours


@pytest.mark.parametrize("gradient_only", [False, True])
def test_ten_refusals_in_a_row_stop_the_run_with_accumulation_too(
    folders: dict[str, Path], tmp_path: Path, gradient_only: bool
) -> None:
    ours = poisoned(folders, range(1, 100), gradient_only)
    with pytest.raises(DivergenceError, match="not finite 10 times in a row"):
        trainer(tmp_path, 50, accumulate_grad_batches=2).fit(ours, data(folders["photographs"]))
    assert all(p.isfinite().all() for p in ours.parameters())


@pytest.mark.parametrize("gradient_only", [False, True])
def test_a_non_finite_step_is_skipped_and_counted(
    folders: dict[str, Path], tmp_path: Path, gradient_only: bool
) -> None:
    ours = poisoned(folders, range(1, 3), gradient_only)
    weights: list[Tensor] = []

    class Remember(pl.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            weights.append(ours.network.fine.paint.weight.detach().clone())  # type: ignore[union-attr, operator]

    trainer(tmp_path, 4, [Remember()]).fit(ours, data(folders["photographs"]))
    assert ours.counters()["refused_steps"] == 2
    assert torch.equal(weights[0], weights[1]) and torch.equal(weights[1], weights[2])
    assert not torch.equal(weights[2], weights[3])
    assert all(p.isfinite().all() for p in ours.parameters())


def test_ten_non_finite_steps_in_a_row_stop_the_run(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    ours = poisoned(folders, range(2, 100))
    with pytest.raises(
        DivergenceError, match=r"loss of painting.*10 times in a row, up to step 11"
    ):
        trainer(tmp_path, 50).fit(ours, data(folders["photographs"]))
    scattered = poisoned(folders, range(0, 9))
    trainer(tmp_path, 11).fit(scattered, data(folders["photographs"]))
    assert scattered.counters()["refused_steps"] == 9


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


# Several batches to a step of the optimizer


class Seen(pl.Callback):
    """The photographs and styles of each batch."""

    def __init__(self) -> None:
        self.batches: list[tuple[Tensor, list[int]]] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.batches.append((batch.images.clone(), outputs["styles"]))


def accumulated(
    folders: dict[str, Path], root: Path, steps: int, resume: Path | None = None, every: int = 2
) -> tuple[Seen, pl.Trainer]:
    """Train to `steps` of a run of 4, of `every` batches each."""

    class Stop(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *rest: Any) -> None:
            trainer.should_stop = trainer.global_step >= steps

    seen = Seen()
    fitting = trainer(root, 4, [seen, Stop()], accumulate_grad_batches=every)
    fitting.fit(module(folders["paintings"]), data(folders["photographs"]), ckpt_path=resume)
    assert fitting.global_step == steps
    return seen, fitting


def test_accumulation_draws_no_picture_and_no_style_twice(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """It sees what a run of as many batches sees that has a step for each."""
    seen, fitting = accumulated(folders, tmp_path, 4)
    assert len(seen.batches) == 8 and fitting.lightning_module.batches == 8
    plain = Seen()
    trainer(tmp_path, 8, [plain]).fit(module(folders["paintings"]), data(folders["photographs"]))
    for (images, styles), (expected, dealt) in zip(seen.batches, plain.batches, strict=True):
        assert torch.equal(images, expected) and styles == dealt


def test_a_run_with_accumulation_resumes_exactly_and_ends(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    through, whole = accumulated(folders, tmp_path, 4)
    first, fitting = accumulated(folders, tmp_path, 2)
    fitting.save_checkpoint(tmp_path / "c.ckpt")
    rest, resumed = accumulated(folders, tmp_path, 4, tmp_path / "c.ckpt")
    together = [*first.batches, *rest.batches]
    for (images, styles), (expected, dealt) in zip(together, through.batches, strict=True):
        assert torch.equal(images, expected) and styles == dealt
    state = resumed.lightning_module.state_dict()
    for name, value in whole.lightning_module.state_dict().items():
        assert torch.equal(state[name], value), name


def test_a_checkpoint_within_a_step_of_the_optimizer_does_that_step_anew(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    ours = module(folders["paintings"])

    class Save(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *rest: Any) -> None:
            if ours.batches == 3:
                trainer.save_checkpoint(tmp_path / "c.ckpt")

    trainer(tmp_path, 4, [Save()], accumulate_grad_batches=2).fit(
        ours, data(folders["photographs"])
    )
    saved = torch.load(tmp_path / "c.ckpt", weights_only=True)
    assert (saved["global_step"], saved["styletransfer"]["batches"]) == (1, 2)
    through, whole = accumulated(folders, tmp_path, 4)
    rest, resumed = accumulated(folders, tmp_path, 4, tmp_path / "c.ckpt")
    assert len(rest.batches) == 6
    assert torch.equal(rest.batches[0][0], through.batches[2][0])
    state = resumed.lightning_module.state_dict()
    for name, value in whole.lightning_module.state_dict().items():
        assert torch.equal(state[name], value), name


def test_a_weight_for_an_unknown_style_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(TrainingDataError, match="monet"):
        module(folders["paintings"], per_painting={"monet": 2.0})


def test_the_learning_rate_warms_up_stays_and_falls(folders: dict[str, Path]) -> None:
    ours = module(folders["paintings"], lr=0.5, style_lr=2.0, warmup_steps=4, decay_share=0.25)
    ours.trainer = pl.Trainer(max_steps=40, accelerator="cpu", logger=False)
    configured = ours.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:4] == pytest.approx([0.125, 0.25, 0.375, 0.5])
    assert rates[4:31] == pytest.approx([0.5] * 27)
    assert rates[35] == pytest.approx(0.25)
    assert sorted(rates[30:], reverse=True) == rates[30:]
    assert 0 < rates[-1] < 0.02
    # What belongs to the styles has its own rate, four times as high all the time.
    names = {p: name for name, p in ours.network.named_parameters()}
    by_style = ("norm", "tint", "skip_gain")
    for group in optimizer.param_groups:
        assert group["initial_lr"] in (0.5, 2.0)
        belongs = group["initial_lr"] == 2.0
        coarse = {names[parameter].startswith("coarse.") for parameter in group["params"]}
        assert len(coarse) == 1
        for parameter in group["params"]:
            assert any(part in names[parameter] for part in by_style) == belongs
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(names)


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_outside_its_range_is_refused(folders: dict[str, Path], share: float) -> None:
    with pytest.raises(TrainingDataError, match="decay_share"):
        module(folders["paintings"], decay_share=share)


def test_stability_is_the_change_with_a_photograph_that_has_moved(folders: dict[str, Path]) -> None:
    ours = module(folders["paintings"], stability_weight=2.0)
    ours.setup("fit")
    ours.trainer = pl.Trainer(max_steps=9, accelerator="cpu", logger=False)
    image, styles = torch.rand(2, 3, 40, 36), torch.tensor([1, 2])
    stylized, parts = ours.losses(image, styles)
    down, right = move_of_batch(0, 0)
    moved = ours(image[:, :, down:, right:], torch.eye(3)[styles])
    # That of the first sample stands for all.
    expected = relative(moved[0], stylized[0, :, down:, right:])
    torch.testing.assert_close(parts["stability"], expected.expand(2))
    without = parts["total"] - 2 * parts["stability"]
    torch.manual_seed(5)
    other = module(folders["paintings"])
    other.setup("fit")
    torch.testing.assert_close(other.losses(image, styles)[1]["total"], without)
    # Photographs for validation stay where they are.
    assert "stability" not in ours.eval().losses(image, styles)[1]


def test_moves_are_all_within_a_cell_and_none_is_no_move() -> None:
    moves = {move_of_batch(3, batch) for batch in range(800)}
    assert moves == {(d, r) for d in range(8) for r in range(8)} - {(0, 0)}
    again = [move_of_batch(3, batch) for batch in range(9)]
    assert [move_of_batch(3, batch) for batch in range(9)] == again


# Drafting


def test_a_draft_is_judged_at_half_size(folders: dict[str, Path]) -> None:
    ours = module(folders["paintings"], draft_steps=4)
    ours.trainer = pl.Trainer(max_steps=9, accelerator="cpu", logger=False)
    ours.setup("fit")
    assert ours.drafting
    image, styles = torch.rand(2, 3, 64, 48), torch.tensor([1, 2])
    draft, parts = ours.eval().losses(image, styles)
    half = averaged(image, 2)
    assert torch.equal(draft, ours.network.draft(half, torch.eye(3)[styles]))
    assert "style_1" not in parts
    expected = ours._critic[0].losses(draft, half, ours._targets, size=2)
    for name, value in expected.items():
        torch.testing.assert_close(parts[name], value)
    torch.testing.assert_close(parts["total"], 20 * expected["style"] + expected["content"])
    # What is shown meanwhile is the draft, enlarged.
    shown = F.interpolate(draft, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(ours(image, torch.eye(3)[styles]), shown)


def test_the_draft_has_losses_of_its_own_beside_those_of_the_painting(
    folders: dict[str, Path],
) -> None:
    image, styles = torch.rand(2, 3, 64, 48), torch.tensor([1, 2])
    ours, without = (
        module(folders["paintings"], draft_weight=weight, tone_weight=0.5) for weight in (0.25, 0.0)
    )
    for each in (ours, without):
        each.setup("fit")
    painted, parts = ours.losses(image, styles)
    expected, plain = without.losses(image, styles)
    assert torch.equal(painted, expected)
    rows = torch.eye(3)[styles]
    draft = ours.network.with_draft(image, rows)[1]
    alone = ours._critic[0].losses(draft, averaged(image, 2), ours._targets, size=2)
    total = 20 * (alone["style_2"] + alone["style_4"]) / 2 + alone["content"] + alone["tone"] / 2
    torch.testing.assert_close(parts["draft"], total)
    torch.testing.assert_close(parts["total"], plain["total"] + total / 4)
    assert "draft" not in plain
    # Validation judges what is painted.
    assert "draft" not in ours.eval().losses(image, styles)[1]


def test_the_coarse_stage_learns_alone_and_then_both(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    ours = module(folders["paintings"], draft_steps=2)
    seen: list[tuple[Tensor, Tensor]] = []

    class Remember(pl.Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            stages = (ours.network.coarse, ours.network.fine)  # type: ignore[union-attr]
            seen.append(tuple(s.paint.weight.detach().clone() for s in stages))  # type: ignore[union-attr, operator, arg-type, misc]

    trainer(tmp_path, 4, [Remember()]).fit(ours, data(folders["photographs"]))
    same = [[torch.equal(a, b) for a, b in zip(*pair, strict=True)] for pair in pairwise(seen)]
    assert same == [[False, True], [False, True], [False, False]]


def test_the_learning_rate_warms_up_and_falls_for_the_draft_too(
    folders: dict[str, Path],
) -> None:
    rates = {"lr": 1.0, "style_lr": 4.0, "warmup_steps": 2, "decay_share": 0.5}
    ours = module(folders["paintings"], draft_steps=10, **rates)
    ours.trainer = pl.Trainer(max_steps=30, accelerator="cpu", logger=False)
    configured = ours.configure_optimizers()
    groups = configured["optimizer"].param_groups
    coarse, fine = (
        [function(step) for step in range(30)]
        for function, group in zip(
            configured["lr_scheduler"]["scheduler"].lr_lambdas, groups, strict=True
        )
        if group["lr"] < 1
    )
    # The coarse stage, once it has learned, moves at half the rate of the revision.
    assert coarse[:10] == fine[:10]
    assert coarse[10:] == pytest.approx([0.5 * factor for factor in fine[10:]])
    factors = fine
    for first, last in ((0, 10), (10, 30)):
        part = factors[first:last]
        assert part[:3] == pytest.approx([0.5, 1, 1])
        assert part[2 : len(part) // 2 + 1] == pytest.approx([1.0] * (len(part) // 2 - 1))
        assert sorted(part[2:], reverse=True) == part[2:]
        assert 0 < part[-1] < 0.15


@pytest.mark.parametrize("option", ["draft_steps", "draft_weight"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": "johnson", "network_options": {}}, "Johnson has no coarse stage"),
        ({"scales": [1]}, "add 2 to --model.scales"),
    ],
)
def test_what_cannot_draft_is_told_so(
    folders: dict[str, Path], changes: dict[str, Any], said: str, option: str
) -> None:
    with pytest.raises(TrainingDataError, match=f"{said}.*set --model.{option} to 0"):
        module(folders["paintings"], **{option: 1}, **changes)
