"""The command `train`: a configuration, what a run writes, wrong calls."""

import csv
import os
import resource
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from styletransfer.commands.main import cli
from styletransfer.errors import CheckpointError
from styletransfer.training import cli as cli_of_training
from styletransfer.training.callbacks import TrainingMetrics
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.photographs import PhotographDataModule
from styletransfer.training.saving import WholeCheckpointIO
from tests.styletransfer.training.tiny import make_data, write_config


def train(*words: object) -> int:
    """Run the command in this process; returns the exit status."""
    with pytest.raises(SystemExit) as stop:
        cli(["train", *(str(word) for word in words)])
    status = stop.value.code or 0
    assert isinstance(status, int)
    return status


def error_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error")]


def test_what_a_run_logs(tmp_path: Path) -> None:
    weights = ("tone", "tv", "grid", "stability")
    config = write_config(tmp_path, make_data(tmp_path))
    options = (f"--model.{name}_weight=0.5" for name in weights)
    assert train("fit", "--config", config, *options) == 0
    run = tmp_path / "lightning_logs" / "version_0"
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    logged = {name for row in rows for name, value in row.items() if value}
    assert logged >= {
        *(f"train/{part}" for part in ("total", "style", "style_1", "style_2", "style_4")),
        *(f"train/{part}" for part in ("content", "tone", "tv", "grid", "stability")),
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
    config = write_config(tmp_path, make_data(tmp_path), logger=logger)
    assert train("fit", "--config", config) == 0
    events = EventAccumulator(str(tmp_path / "lightning_logs" / "version_0")).Reload()
    assert {"train/style", "train/style/painting0", "val/total"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["samples"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data.crop", "64"], "a crop of 64 pixels is larger than the photographs"),
        (["--photographs", "EMPTY"], "0 photographs"),
        (["--paintings", "EMPTY"], "no image in it"),
        (["--model.loss_weights", "EMPTY/vgg.pth"], "no such file of weights"),
        (["--trainer.max_steps", "-1"], "give --trainer.max_steps"),
        (["--trainer.accelerator", "cuda"], "no device 'cuda' is on this machine; there are cpu"),
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
    # A refused attempt uses up no version_N.
    assert not (tmp_path / "lightning_logs").exists()


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (2 * 18 * 18, "the most that fits is --data.crop 16\n"),
        (1 * 32 * 32, "the most that fits is --data.crop 16 or --data.batch_size 1\n"),
        (100, "the most that fits is less than one small crop\n"),
    ],
)
def test_a_run_out_of_memory_says_what_fits(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    most: int,
    said: str,
) -> None:
    """A stand-in for a GPU: its network takes so many pixels at once."""
    losses = StyleTransferModule.losses

    def limited(self: StyleTransferModule, image: torch.Tensor, styles: torch.Tensor) -> Any:
        if image[:, 0].numel() > most and torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return losses(self, image, styles)

    monkeypatch.setattr(StyleTransferModule, "losses", limited)
    config = write_config(tmp_path, make_data(tmp_path))
    assert train("fit", "--config", config) == 1
    (line,) = error_lines(capsys)
    assert "cpu: out of memory with 2 crops of 32 pixels a step" in line
    assert f"{line}\n".endswith(said)


@pytest.mark.parametrize(
    ("precision", "able", "warned"),
    [("bf16-mixed", False, True), ("bf16-mixed", True, False), ("32-true", False, False)],
)
def test_bfloat16_is_called_slow_where_it_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, able: bool, warned: bool
) -> None:
    monkeypatch.setattr(cli_of_training, "multiplies_bfloat16", lambda device: able)
    config = write_config(tmp_path, make_data(tmp_path))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert train("fit", "--config", config, f"--trainer.precision={precision}") == 0
    assert any("32-true is faster" in str(one.message) for one in caught) == warned


def test_validation_and_checkpoints_fit_themselves_to_a_short_run(tmp_path: Path) -> None:
    config = write_config(tmp_path, make_data(tmp_path, photographs=2), val_check_interval=1000)
    assert train("fit", "--config", config, "--trainer.max_steps", 2) == 0
    run = tmp_path / "lightning_logs" / "version_0"
    assert (run / "checkpoints" / "last.ckpt").is_file()
    assert [path.name for path in (run / "samples").iterdir()] == ["step-000002.jpg"]


def test_last_is_the_newest_checkpoint_of_the_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, make_data(tmp_path))
    last = ("fit", "--config", config, "--ckpt_path", "last")
    assert train(*last) == 2
    assert "there is no checkpoint in" in error_lines(capsys)[0]
    assert not (tmp_path / "lightning_logs").exists()
    assert train("fit", "--config", config) == 0
    assert train(*last, "--trainer.max_steps", 5) == 0
    steps = [
        torch.load(tmp_path / f"lightning_logs/version_{i}/checkpoints/last.ckpt")["global_step"]
        for i in (0, 1)
    ]
    assert steps == [3, 5]


def test_validate_writes_no_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write_config(tmp_path, make_data(tmp_path), logger=False)
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "step-000000.jpg"
    mine.write_text("precious")
    before = set(tmp_path.rglob("*"))
    assert train("validate", "--config", config) == 0
    assert mine.read_text() == "precious"
    assert {path.name for path in set(tmp_path.rglob("*")) - before} <= {"config.yaml"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_a_checkpoint_and_decides_the_status(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    def end(self: object, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(TrainingMetrics, "on_train_batch_end", end)
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    config = write_config(tmp_path, make_data(tmp_path), max_steps=100, val_check_interval=100)
    assert train("fit", "--config", config) == 128 + number
    (line,) = error_lines(capsys)
    assert "stopped at step 2" in line and "last.ckpt" in line
    last = tmp_path / "lightning_logs" / "version_0" / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 2
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_before_training_saves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        PhotographDataModule, "setup", lambda *_: os.kill(os.getpid(), signal.SIGINT)
    )
    config = write_config(tmp_path, make_data(tmp_path))
    assert train("fit", "--config", config) == 130
    assert "nothing was saved" in error_lines(capsys)[0]
    assert not (tmp_path / "lightning_logs").exists()


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    writer = WholeCheckpointIO()
    writer.save_checkpoint({"step": 1}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # as a disk that is full
    try:
        with pytest.raises(CheckpointError, match="cannot be written"):
            writer.save_checkpoint({"step": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["test"], 2, "invalid choice"),
        (["predict"], 2, "invalid choice"),
        (["fit", "--config", "quickstart", "--paintings", "p"], 2, "give a folder of photographs"),
        (["fit", "--config", "slowstart"], 2, "there are gallery-large, gallery, quickstart"),
        (["fit", "--config", "CONFIG", "--model.speed", "9"], 2, "model.speed"),
        (["fit", "--config", "CONFIG", "--trainer.max_steps", "many"], 2, "max_steps"),
        (["fit", "--config", "CONFIG", "--ckpt_path", "none.ckpt"], 1, "no such checkpoint"),
        (["fit", "--config", "CONFIG", "--ckpt_path", "CONFIG"], 1, "not a checkpoint that can"),
        (["validate", "--config", "CONFIG", "--ckpt_path", "CONFIG"], 1, "not a checkpoint that"),
        (
            ["fit", "--config", "CONFIG", "--model.loss_weights", "CONFIG"],
            2,
            "this file of weights cannot be read",
        ),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    said: str,
) -> None:
    config = write_config(tmp_path, make_data(tmp_path))
    assert train(*(word.replace("CONFIG", str(config)) for word in words)) == status
    (line,) = error_lines(capsys)
    assert said in line
    assert not (tmp_path / "lightning_logs").exists()


@pytest.mark.parametrize("name", ["gallery", "gallery-large", "quickstart"])
def test_the_shipped_recipes_are_understood(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ("--photographs", "p", "--paintings", "q")
    assert train("fit", "--config", name, *folders, "--print_config") == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["photographs"] == "p" and printed["model"]["network"] == (
        "large" if name == "gallery-large" else "compact"
    )


def test_the_large_recipe_trains(tmp_path: Path) -> None:
    """Two steps, a draft and a revision, on tiny crops."""
    folders = make_data(tmp_path)
    options = {
        "photographs": folders["photographs"],
        "paintings": folders["paintings"],
        "data.crop": 32,
        "data.batch_size": 1,
        "data.held_out": 1,
        "data.workers": 0,
        "model.loss_weights": "random",
        "model.painting_size": 32,
        "model.draft_steps": 1,
        "trainer.max_steps": 2,
        "trainer.accelerator": "cpu",
        "trainer.logger.init_args.save_dir": tmp_path,
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    assert train("fit", "--config", "gallery-large", *words) == 0
    (written,) = tmp_path.rglob("last.ckpt")
    saved = torch.load(written, weights_only=True)
    assert saved["global_step"] == 2 and saved["styletransfer"]["network"] == "large"


def test_a_malformed_part_of_a_checkpoint_is_one_line_and_starts_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, make_data(tmp_path))
    assert train("fit", "--config", config) == 0
    runs = tmp_path / "lightning_logs"
    whole = torch.load(runs / "version_0" / "checkpoints" / "last.ckpt", weights_only=True)
    capsys.readouterr()
    for part, value in (
        *(("optimizer_states", [{"state": 3}]), ("optimizer_states", []), ("loops", [])),
        *(("callbacks", "a"), ("lr_schedulers", [{"last_epoch": "x"}]), ("global_step", None)),
        ("lr_schedulers", "x"),
        ("pytorch-lightning_version", "new"),
    ):
        torch.save({**whole, part: value}, tmp_path / "c.ckpt")
        for command in ("fit", "validate"):
            words = (command, "--config", config, "--ckpt_path", tmp_path / "c.ckpt")
            assert train(*words) == 1
            (line,) = error_lines(capsys)
            assert str(tmp_path / "c.ckpt") in line and f"its entry {part}" in line
    assert [path.name for path in runs.iterdir()] == ["version_0"]
