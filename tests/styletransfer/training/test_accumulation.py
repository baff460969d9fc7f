"""Several batches to a step of the optimizer."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from tests.styletransfer.training.tiny import data, module, trainer


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
