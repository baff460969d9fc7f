"""Malformed parts of a checkpoint that Lightning would restore: each is refused by its name."""

import copy
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from pytorch_lightning.callbacks import EMAWeightAveraging

from styletransfer.checkpoint import Checkpoint, append_styles, read_checkpoint, select_styles
from styletransfer.errors import CheckpointError
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.restoring import check_restorable
from tests.styletransfer.test_checkpoint import train
from tests.styletransfer.training.tiny import module, trainer

PARTS = (
    *("epoch", "global_step", "loops", "lr_schedulers", "callbacks", "averaging_state"),
    "optimizer_states",
)
WRONG: tuple[Any, ...] = ("x", [[]], {"a": 1}, object)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("run"))


@cache
def begun(folder: Path, paintings: tuple[Path, ...]) -> StyleTransferModule:
    """A run that begins."""
    ours = module(list(paintings) or folder / "paintings")
    ours.trainer = trainer(folder, 9, [EMAWeightAveraging(decay=0.5)])
    ours.configure_optimizers = cache(ours.configure_optimizers)  # type: ignore[method-assign]
    return ours


def check(checkpoint: Checkpoint, path: Path, *paintings: Path) -> None:
    ours = begun(path.parent, paintings)
    check_restorable(checkpoint, ours, ours.trainer, path)


def test_whole_ones_are_taken(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    check(checkpoint, path)
    files = sorted((path.parent / "paintings").iterdir())
    check(select_styles(checkpoint, ["painting2", "painting0"]), path, *files[:2])
    check(select_styles(append_styles(checkpoint, ["a"]), ["a"]), path, *files[:1])
    without = {"current_model_state", "averaging_state", "callbacks"}
    check({key: value for key, value in checkpoint.items() if key not in without}, path)


def test_the_gallery_is_taken(tmp_path: Path) -> None:
    gallery = Path("checkpoints/gallery.ckpt")
    checkpoint = read_checkpoint(gallery)
    Image.new("RGB", (8, 8)).save(tmp_path / "painting.png")
    names = checkpoint["styletransfer"]["styles"][1:]
    paintings = [shutil.copy(tmp_path / "painting.png", tmp_path / f"{name}.png") for name in names]
    ours = StyleTransferModule([Path(painting) for painting in paintings])
    ours.trainer = trainer(tmp_path, 9, [EMAWeightAveraging(decay=0.5)])
    check_restorable(checkpoint, ours, ours.trainer, gallery)


def places(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to each part of a nested value."""
    if where:
        yield where
    inside = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list | tuple):
        inside = enumerate(value)
    for key, part in inside:
        yield from places(part, (*where, key))


def test_no_part_of_another_type_is_taken(path: Path) -> None:
    whole = read_checkpoint(path)
    whole["optimizer_states"][0]["state"] = {}  # `read_checkpoint` looks at these
    whole["state_dict"] = whole["current_model_state"] = {}
    found = [where for part in PARTS for where in places(whole[part], (part,))]
    restored = ((), ("fit_loop",), ("validate_loop",))
    found = [w for w in found if w[0] != "loops" or w[1:2] in restored]
    found = [w for w in found if not (w[0] == "optimizer_states" and "state" in w)]
    assert len(found) > 150
    checked = 0
    for where in found:
        checkpoint = copy.deepcopy(whole)
        place: Any = checkpoint
        for key in where[:-1]:
            place = place[key]
        if isinstance(place, tuple):  # a pair of numbers in a group of parameters
            continue
        value = place[where[-1]]
        wrong = next(w for w in WRONG if type(w) is not type(value))
        place[where[-1]] = wrong
        name = ".".join(map(str, where)).split(".params.")[0]
        said = ""
        try:
            check(checkpoint, path)
        except CheckpointError as error:
            said = str(error)
        assert said.startswith(f"{path}: its entry ") and "\n" not in said, where
        assert name in said, where
        checked += 1
    assert checked > 100


def test_parts_that_are_missing_or_something_else(path: Path) -> None:
    whole = read_checkpoint(path)
    for part in (*PARTS, "pytorch-lightning_version"):
        for value in (None, "wrong", 3.5, [1], {"a": 1}):
            checkpoint = {**whole, part: value}
            if value is None:
                del checkpoint[part]
            if part == "callbacks" and value in (None, {"a": 1}):  # other ones than those of a run
                check(checkpoint, path)
                continue
            with pytest.raises(CheckpointError, match=f"its entry {part}.* is missing or mal"):
                check(checkpoint, path)


def test_numbers_that_are_not_finite(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    checkpoint["lr_schedulers"][0]["base_lrs"][0] = float("nan")
    checkpoint["averaging_state"]["n_averaged"] = torch.ones(3)
    with pytest.raises(CheckpointError, match=r"lr_schedulers\.0\.base_lrs\.0 is"):
        check(checkpoint, path)
