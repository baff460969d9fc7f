"""Steps that are refused because a loss or a gradient is not finite."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from styletransfer.errors import DivergenceError
from styletransfer.training.module import StyleTransferModule
from tests.styletransfer.training.tiny import data, module, trainer


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
