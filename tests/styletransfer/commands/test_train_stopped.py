"""Runs that are stopped or killed, on one device or two, and what continues them."""

import multiprocessing
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
import zlib
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from styletransfer.checkpoint import read_checkpoint
from styletransfer.training import cli as training_cli
from styletransfer.training.callbacks import TrainingMetrics
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.photographs import PhotographStream
from styletransfer.training.saving import Checkpoints
from tests.styletransfer.commands.test_train import error_lines, train
from tests.styletransfer.training.tiny import data, make_data, write_config

STATES = ("state_dict", "current_model_state")
KILLS = 4
ROOT = Path(__file__).parents[3]


def started(target: Any, *arguments: object) -> ForkServerProcess:
    """Start a process that has nothing to import any more."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def launched(config: Path) -> None:
    """Run train.py as a user does; with two devices it starts the second process itself."""
    call = [sys.executable, "train.py", "fit", "--config", str(config)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def saved(run: Path) -> dict[str, Any]:
    return read_checkpoint(run / "checkpoints" / "last.ckpt")


def assert_equal_weights(one: dict[str, Any], other: dict[str, Any]) -> None:
    for key in STATES:
        assert one[key].keys() == other[key].keys()
        for name, value in one[key].items():
            assert torch.equal(value, other[key][name]), (key, name)


def one_of_two(rank: int, port: int, root: Path, config: Path) -> None:
    """Train as process `rank` of two: stopped after two steps, then continued to the end.

    What each batch holds is written to `seen-RANK`.
    """
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "NODE_RANK": "0",
        "LOCAL_RANK": str(rank),
    }
    torch.set_num_threads(1)
    step = StyleTransferModule.training_step
    metrics = TrainingMetrics.on_train_batch_end

    def noted(self: StyleTransferModule, batch: Any, batch_idx: int) -> Any:
        with (root / f"seen-{rank}").open("a") as file:
            file.write(f"{zlib.crc32(batch.images.numpy().tobytes())}\n")
        return step(self, batch, batch_idx)

    def stops(self: TrainingMetrics, trainer: pl.Trainer, *rest: Any) -> None:
        metrics(self, trainer, *rest)
        if rank == 1 and trainer.global_step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    StyleTransferModule.training_step = noted  # type: ignore[method-assign]
    TrainingMetrics.on_train_batch_end = stops  # type: ignore[method-assign]
    assert train("fit", "--config", config) == 128 + signal.SIGTERM
    TrainingMetrics.on_train_batch_end = metrics  # type: ignore[method-assign]
    last = root / "lightning_logs" / "version_0" / "checkpoints" / "last.ckpt"
    assert train("fit", "--config", config, "--ckpt_path", last) == 0


def test_two_processes_with_accumulation_train_as_one_and_resume_exactly(tmp_path: Path) -> None:
    averaging = {
        "class_path": "pytorch_lightning.callbacks.EMAWeightAveraging",
        "init_args": {"decay": 0.5},
    }
    options = {"max_steps": 4, "accumulate_grad_batches": 2, "callbacks": [averaging]}
    config = write_config(tmp_path, make_data(tmp_path), **options)
    assert train("fit", "--config", config, "--data.batch_size", 4) == 0
    alone = saved(tmp_path / "lightning_logs" / "version_0")
    options |= {"strategy": "ddp", "devices": 2}
    (tmp_path / "two").mkdir()
    launched(write_config(tmp_path / "two", make_data(tmp_path / "two"), **options))
    through = saved(tmp_path / "two" / "lightning_logs" / "version_0")
    for name, value in alone["state_dict"].items():
        torch.testing.assert_close(through["state_dict"][name], value, rtol=1e-3, atol=1e-4)

    root = tmp_path / "stopped"
    root.mkdir()
    folders = make_data(root)
    config = write_config(root, folders, **options)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    processes = [started(one_of_two, rank, port, root, config) for rank in (0, 1)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert saved(root / "lightning_logs" / "version_0")["global_step"] == 2
    assert_equal_weights(saved(root / "lightning_logs" / "version_1"), through)
    photographs = data(folders["photographs"])
    photographs.setup("fit")
    for rank in (0, 1):
        stream = PhotographStream(photographs.source, 32, 2, 8, rank=rank, world_size=2)
        expected = [zlib.crc32(batch.images.numpy().tobytes()) for batch in stream]
        assert list(map(int, (root / f"seen-{rank}").read_text().split())) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_lets_the_step_end_and_saves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    """A terminal, `timeout` and schedulers send it to the workers as well."""
    step = StyleTransferModule.training_step

    def signals(self: StyleTransferModule, batch: Any, batch_idx: int) -> Any:
        if self.global_step == 1:
            workers = multiprocessing.active_children()
            assert len(workers) == 1
            os.kill(workers[0].pid or 0, number)
            time.sleep(0.3)  # for it to die, if it does
            os.kill(os.getpid(), number)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(StyleTransferModule, "training_step", signals)
    config = write_config(tmp_path, make_data(tmp_path), max_steps=100, val_check_interval=100)
    assert train("fit", "--config", config, "--data.workers", 1) == 128 + number
    assert "stopped at step 2" in error_lines(capsys)[0]
    assert saved(tmp_path / "lightning_logs" / "version_0")["global_step"] == 2
    assert not multiprocessing.active_children()


def save_each_step(padding: int) -> None:
    """Have the runs of this process write a checkpoint at each step, with `padding` bytes more."""
    training_cli.Checkpoints = partial(Checkpoints, every=1)  # type: ignore[assignment, misc]
    save = StyleTransferModule.on_save_checkpoint

    def padded(self: StyleTransferModule, checkpoint: dict[str, Any]) -> None:
        save(self, checkpoint)
        checkpoint["padding"] = torch.zeros(padding, dtype=torch.uint8)

    StyleTransferModule.on_save_checkpoint = padded  # type: ignore[method-assign]


def train_and_save_each_step(*words: object) -> None:
    torch.set_num_threads(1)
    save_each_step(32 << 20)  # so that a checkpoint takes a while
    sys.exit(train(*words))


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(tmp_path: Path) -> None:
    config = write_config(tmp_path, make_data(tmp_path), max_steps=10_000)
    moments = random.Random(0)
    runs = tmp_path / "lightning_logs"
    steps = [0]
    for kill in range(KILLS):
        resumed = ("--ckpt_path", "last") if kill else ()
        process = started(train_and_save_each_step, "fit", "--config", config, *resumed)
        folder = runs / f"version_{kill}" / "checkpoints"
        while process.is_alive() and not (folder / "last.ckpt").exists():
            time.sleep(0.001)
        while process.is_alive() and not list(folder.glob(".*.tmp")):  # is being written
            time.sleep(0.0005)
        time.sleep(moments.uniform(0, 0.01))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        steps.append(read_checkpoint(folder / "last.ckpt")["global_step"])
    assert steps == sorted(set(steps))
    last = steps[-1] + 1
    more = ("--ckpt_path", "last", "--trainer.max_steps", last)
    assert train("fit", "--config", config, *more) == 0
    assert saved(runs / f"version_{KILLS}")["global_step"] == last


def test_a_disk_that_fills_up_ends_in_one_line_and_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fills(self: object, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))

    monkeypatch.setattr(training_cli, "Checkpoints", partial(Checkpoints, every=1))
    monkeypatch.setattr(TrainingMetrics, "on_train_batch_end", fills)
    config = write_config(tmp_path, make_data(tmp_path), logger=False)
    try:
        assert train("fit", "--config", config) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (line,) = error_lines(capsys)
    last = tmp_path / "checkpoints" / "last.ckpt"
    assert f"{last}: cannot be written (File too large)" in line
    assert read_checkpoint(last)["global_step"] == 1
    assert list(last.parent.iterdir()) == [last]


@pytest.mark.parametrize("every", [1, 2])
def test_a_learning_rate_that_explodes_ends_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], every: int
) -> None:
    options = {"max_steps": 10_000, "val_check_interval": 10_000, "accumulate_grad_batches": every}
    config = write_config(tmp_path, make_data(tmp_path), **options)
    rates = ("--model.lr", 1e6, "--model.style_lr", 1e6)
    assert train("fit", "--config", config, *rates) == 1
    (line,) = error_lines(capsys)
    assert "was not finite 10 times in a row" in line and "lower --model.lr" in line
    assert not list(tmp_path.rglob("*.ckpt"))
