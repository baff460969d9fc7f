"""train.py as a user runs it: a configuration, two processes, wrong calls."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from styletransfer.commands.main import cli
from tests.styletransfer.training.tiny import make_data, write_config

ROOT = Path(__file__).parents[3]


def fit(root: Path, *options: str, **trainer: Any) -> Path:
    """Run train.py in a process of its own; returns the folder of the run."""
    config = write_config(root, make_data(root), **trainer)
    done = subprocess.run(
        [sys.executable, "train.py", "fit", "--config", str(config), *options],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return root / "lightning_logs" / "version_0"


def weights(run: Path) -> dict[str, torch.Tensor]:
    (checkpoint,) = (run / "checkpoints").glob("*.ckpt")
    state: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return state


def test_two_processes_train_as_one_does_on_the_whole_batch(tmp_path: Path) -> None:
    one = fit(tmp_path / "one", "--data.batch_size", "4")
    two = fit(
        tmp_path / "two",
        *("--trainer.strategy", "ddp", "--trainer.devices", "2"),
        *("--trainer.accelerator", "cpu"),
    )
    expected, actual = weights(one), weights(two)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        torch.testing.assert_close(actual[name], value, rtol=1e-3, atol=1e-4)


def test_what_a_run_logs(tmp_path: Path) -> None:
    run = fit(tmp_path)
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    logged = {name for row in rows for name, value in row.items() if value}
    assert logged >= {
        *(f"train/{part}" for part in ("total", "style", "content", "tone", "tv", "pixel")),
        *(f"train/{part}/painting{i}" for part in ("style", "content") for i in (0, 1)),
        *(f"val/{part}" for part in ("total", "style", "content")),
        *("images_per_second", "lr", "skipped_files", "refused_steps"),
    }
    steps = [row for row in rows if row["images_per_second"]]
    assert [int(row["step"]) for row in steps] == [1, 2, 3]
    assert all(float(row["images_per_second"]) > 0 for row in steps)
    assert len(list((run / "samples").glob("step-000003.jpg"))) == 1


def test_tensorboard_gets_the_losses_and_the_samples(tmp_path: Path) -> None:
    logger = {
        "class_path": "pytorch_lightning.loggers.TensorBoardLogger",
        "init_args": {"save_dir": str(tmp_path)},
    }
    run = fit(tmp_path, logger=logger)
    events = EventAccumulator(str(run)).Reload()
    assert {"train/style", "train/style/painting0", "val/total"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["samples"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data.crop", "64"], "a crop of 64 pixels is larger than the photographs"),
        (["--photographs", "EMPTY"], "0 photographs"),
        (["--paintings", "EMPTY"], "no style images"),
        (["--model.loss_weights", "EMPTY/vgg.pth"], "no such file of weights"),
        (["--trainer.max_steps", "-1"], "give --trainer.max_steps"),
    ],
)
def test_wrong_calls_are_one_line_before_the_first_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    config = write_config(tmp_path, make_data(tmp_path))
    (tmp_path / "empty").mkdir()
    options = [option.replace("EMPTY", str(tmp_path / "empty")) for option in options]
    with pytest.raises(SystemExit) as stop:
        cli(["train", "fit", "--config", str(config), *options])
    assert stop.value.code == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error")]
    assert len(errors) == 1 and message in errors[0]
    assert not list(tmp_path.rglob("*.ckpt"))


def test_the_shipped_recipe_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli(["train", "fit", "--config", str(ROOT / "configs" / "gallery.yaml"), "--print_config"])
    assert stop.value.code == 0
    assert "network: compact" in capsys.readouterr().out
