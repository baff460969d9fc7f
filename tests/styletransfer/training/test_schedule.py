"""Learning rates: what a run that goes on takes from its configuration."""

import math
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from tests.styletransfer.training.tiny import data, make_data, module, trainer


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return make_data(tmp_path)


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
