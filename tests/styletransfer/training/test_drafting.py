"""The coarse stage that learns first, and its losses."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.errors import TrainingDataError
from styletransfer.losses.objective import averaged
from tests.styletransfer.training.tiny import data, module, trainer


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
