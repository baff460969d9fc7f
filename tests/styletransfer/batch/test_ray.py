"""The Ray engine on a cluster of this machine: the bytes of the local engine, dead workers too."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="pip install 'styletransfer[ray]' brings it")

from tests.styletransfer.batch.data_set import data_set, run, tree  # noqa: E402

WORKERS = 2


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of two CPUs, on which each actor is a process of its own."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def kill_a_worker(out: Path, killed: list[int]) -> None:
    """Kill the process that wrote a journal as soon as some outputs are there."""
    while len(list(out.rglob("*.png"))) < 10:
        time.sleep(0.01)
    me = os.getpid()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            works = b"MapWorker" in (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if works and int(folder.name) != me:
            os.kill(int(folder.name), 9)
            killed.append(int(folder.name))
            return


@pytest.mark.usefixtures("cluster")
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the worker in /proc")
def test_the_same_bytes_though_a_worker_is_killed(model: Path, tmp_path: Path) -> None:
    photos = data_set(tmp_path / "photos", 300)
    (photos / "class0" / "broken.png").write_bytes(b"no picture")
    (photos / "labels.txt").write_text("0 1 2")
    options = ("--style", "random", "--copy-others", "--model", model)
    whole, out, killed = tmp_path / "whole", tmp_path / "out", list[int]()
    run(photos, whole, *options)
    killer = threading.Thread(target=kill_a_worker, args=(out, killed), daemon=True)
    killer.start()
    result = run(photos, out, *options, "--engine", "ray", "--workers", WORKERS)
    assert result.exit_code == 1  # for the broken file
    assert len(killed) == 1
    assert "class0/broken.png" in result.stderr
    assert tree(out) == tree(whole)


@pytest.mark.usefixtures("cluster")
def test_tars(model: Path, tmp_path: Path) -> None:
    photos = data_set(tmp_path / "photos", 20)
    options = ("--style", "random", "--model", model)
    run(photos, tmp_path / "whole" / "{0..1}.tar", *options)
    out = tmp_path / "out" / "{0..1}.tar"
    assert run(photos, out, *options, "--engine", "ray", "--workers", WORKERS).exit_code == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
