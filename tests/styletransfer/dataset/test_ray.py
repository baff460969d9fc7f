"""The Ray engine on clusters of this machine: the bytes of the local engine, dead workers too."""

import os
import pickle
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import fsspec
import pytest

# A secret that no file holds lets nobody else into the clusters, and must be there from the start.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
ray = pytest.importorskip("ray", reason="pip install 'painterly[ray]' brings it")

from styletransfer.dataset import ray_engine  # noqa: E402
from styletransfer.dataset.records import LOCK_FILE, RECORD  # noqa: E402
from tests.styletransfer.dataset.data_set import data_set, run, tree  # noqa: E402

WORKERS = 2


@pytest.fixture
def address() -> Iterator[str]:
    """A cluster of two CPUs with which this process has nothing to do; its address."""
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    start += ["--port=0", f"--num-cpus={WORKERS}", "--include-dashboard=false"]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = (re.search(r"--address='([^']+)'", line) for line in process.stdout)
        yield next(match[1] for match in found if match)
        process.terminate()


def kill_a_worker(out: Path, killed: list[int]) -> None:
    """Kill a worker of this test's cluster as soon as some outputs are there."""
    while len(list(out.rglob("*.png"))) < 10:
        time.sleep(0.01)
    secret = os.environ["RAY_AUTH_TOKEN"].encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            works = b"MapWorker" in (folder / "cmdline").read_bytes()
            ours = secret in (folder / "environ").read_bytes()
        except OSError:
            continue
        if works and ours:
            os.kill(int(folder.name), 9)
            killed.append(int(folder.name))
            return


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the worker in /proc")
def test_the_same_bytes_though_a_worker_is_killed(
    model: Path, tmp_path: Path, address: str
) -> None:
    photos = data_set(tmp_path / "photos", 300)
    (photos / "class0" / "broken.png").write_bytes(b"no picture")
    (photos / "labels.txt").write_text("0 1 2")
    options = ("--style", "random", "--copy-others", "--model", model)
    whole, out, killed = tmp_path / "whole", tmp_path / "out", list[int]()
    run(photos, whole, *options)
    killer = threading.Thread(target=kill_a_worker, args=(out, killed), daemon=True)
    killer.start()
    result = run(photos, out, *options, "--engine", "ray", "--ray-address", address)
    assert result.exit_code == 1  # for the broken file
    assert len(killed) == 1
    assert "class0/broken.png" in result.stderr
    assert tree(out) == tree(whole)


def test_tars_on_a_cluster_that_is_started_for_them(model: Path, tmp_path: Path) -> None:
    photos = data_set(tmp_path / "photos", 20)
    options = ("--style", "random", "--model", model)
    run(photos, tmp_path / "whole" / "{0..1}.tar", *options)
    out = tmp_path / "out" / "{0..1}.tar"
    assert run(photos, out, *options, "--engine", "ray", "--workers", WORKERS).exit_code == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert not ray.is_initialized()


def test_no_cluster_at_the_address(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**options: object) -> None:  # what Ray does, after twenty seconds
        raise ConnectionError(f"Failed to connect to Ray cluster at {options['address']}")

    monkeypatch.setattr(ray, "init", init)
    photos, out = data_set(tmp_path / "photos", 2), tmp_path / "out"
    words = ("--style", "udnie", "--engine", "ray", "--ray-address", "127.0.0.1:1")
    result = run(photos, out, *words, "--model", model)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:1: no Ray cluster can be reached there" in result.stderr


class Cluster:
    """What the engine uses of a dataset of Ray, in this process."""

    def __init__(self, items: list[dict[str, bytes]], **_: object) -> None:
        self.items = items

    def map_batches(self, actor: type, **_: object) -> "Cluster":
        self.actor = actor()
        return self

    def iter_rows(self) -> Iterator[dict[str, bytes]]:
        for number, item in enumerate(self.items):
            found = self.actor({"portion": [item["portion"]]})
            if number == 0:  # as if this actor had died, and another one had found its outputs
                written, failed, _, stop = pickle.loads(found["result"][0])
                found["result"] = [pickle.dumps((written, failed, [], stop))]
            yield {name: values[0] for name, values in found.items()}


@pytest.mark.parametrize("name", ["", "{0..2}.tar"])
def test_a_store_and_an_actor_whose_journal_is_lost(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(ray.data, "from_items", Cluster)
    monkeypatch.setattr(ray_engine, "_cluster", lambda *_: nullcontext({"CPU": 2}))
    monkeypatch.setattr(ray_engine, "PORTION", 5)
    photos = data_set(tmp_path / "photos", 12)
    options = ("--style", "random", "--model", model)
    run(photos, tmp_path / "whole" / name, *options)
    out = f"memory://{tmp_path.name}/{name}".rstrip("/")
    result = run(photos, out, *options, "--engine", "ray")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("wrote 12 pictures")
    store, path = fsspec.core.url_to_fs(f"memory://{tmp_path.name}")
    found = {place.removeprefix(f"{path}/"): store.cat_file(place) for place in store.find(path)}
    expected = tree(tmp_path / "whole")
    for own in (LOCK_FILE, RECORD):
        expected.pop(own)
        found.pop(own, None)
    assert found == expected
    assert run(photos, out, *options).stdout.startswith("wrote 0 pictures")
    store.rm(path, recursive=True)
