"""The learning rate, step by step, and when a run is resumed."""

import math
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from styletransfer.errors import TrainingDataError
from tests.styletransfer.training.tiny import data, module, trainer


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


def test_a_resumed_run_takes_the_rates_of_its_configuration(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    first = trainer(tmp_path, 3)
    first.fit(module(folders["paintings"], lr=2e-3), data(folders["photographs"]))
    first.save_checkpoint(tmp_path / "begun.ckpt")
    used = []

    class Watch(pl.Callback):
        def on_before_optimizer_step(self, trainer: pl.Trainer, *rest: Any) -> None:
            used.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    rates = {"lr": 4e-4, "style_lr": 6e-4, "decay_share": 0.5}
    fitting = trainer(tmp_path, 10, [Watch()])
    fitting.fit(
        module(folders["paintings"], **rates),
        data(folders["photographs"]),
        ckpt_path=tmp_path / "begun.ckpt",
    )
    # The first step still has the rate that the first run ended with; from then on it is ours.
    share = 0.5 * (1 + math.cos(math.pi * 0.6))
    assert used[1] == pytest.approx([4e-4, 4e-4, 6e-4, 6e-4])
    assert used[-2] == pytest.approx([rate * share for rate in (4e-4, 4e-4, 6e-4, 6e-4)])
