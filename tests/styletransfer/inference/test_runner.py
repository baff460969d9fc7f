"""Buffers kept on a device, memory given back, and providers that take one call at a time."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from styletransfer.images import Array
from styletransfer.inference import runner as module
from styletransfer.inference.providers import open_session
from styletransfer.inference.runner import SMALL, Runner
from tests.styletransfer.tiny_model import STYLES, expected, tiny_model


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_session(tiny_model(tmp_path_factory.mktemp("model") / "m.onnx"), threads=1)[0]


@pytest.fixture
def on_device(session: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A runner that keeps its buffers on a device; the CPU is one, and works the same way."""
    monkeypatch.setitem(module.DEVICES, "cpu", "cpu")
    return Runner(session, "cpu")


def feed(seed: int, height: int, width: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.ones(len(STYLES)), 2).astype(np.float32)
    image = random.random((2, 3, height, width), np.float32)
    return {"image": image, "style_weights": weights}


def test_device_buffers_follow_values_sizes_and_batches(on_device: Runner) -> None:
    feeds = [feed(0, 5, 7), feed(1, 5, 7), feed(2, 9, 4), feed(3, 5, 7)]
    feeds.append({name: array[:1] for name, array in feed(4, 5, 7).items()})
    results = [on_device(each) for each in feeds]
    for each, result in zip(feeds, results, strict=True):  # later runs left earlier ones alone
        np.testing.assert_allclose(result, expected(*each.values()), atol=1e-6)


def test_device_buffers_take_what_is_not_contiguous(on_device: Runner) -> None:
    straight = feed(0, 6, 8)
    turned = straight | {"image": np.asfortranarray(straight["image"])}
    np.testing.assert_array_equal(on_device(turned), on_device(straight))


def test_device_buffers_are_of_one_thread_each(on_device: Runner) -> None:
    feeds = [feed(seed, 20 + seed % 2, 31) for seed in range(64)]
    alone = [on_device(each) for each in feeds]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(on_device, feeds))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_small_picture_after_a_large_one_gives_its_memory_back(tmp_path: Path) -> None:
    session, _ = open_session(tiny_model(tmp_path / "m.onnx"), threads=1)
    run = Runner(session, "cpu")
    process = psutil.Process()
    small = feed(0, 8, 8)
    large = feed(0, 1500, 2000)  # 72 MB of image, and as much for each map that is not in place
    run(small)
    run(large)
    held = process.memory_info().rss
    run(small)
    assert process.memory_info().rss < held - 60e6


def test_memory_is_given_back_on_request(tmp_path: Path) -> None:
    session, _ = open_session(tiny_model(tmp_path / "m.onnx"), threads=1)
    run = Runner(session, "cpu")
    process = psutil.Process()
    run(feed(0, 1500, 2000))
    held = process.memory_info().rss
    run.release(feed(0, 8, 8))
    assert process.memory_info().rss < held - 60e6


def test_memory_is_given_back_once(session: Any) -> None:
    run = Runner(session, "cpu")
    sizes = [SMALL // 2, 100, SMALL * 5, SMALL * 2, SMALL * 6, SMALL, SMALL // 2, 100, SMALL, 100]
    given_back = [run._options(size) is not None for size in sizes]
    assert given_back == [False] * 5 + [True] + [False] * 4


def test_a_provider_that_takes_one_call_at_a_time_gets_one() -> None:
    class Session:
        busy = threading.Lock()

        def run(self, names: list[str], feed: Any, options: Any) -> list[Array]:
            assert self.busy.acquire(blocking=False), "two calls at a time"
            time.sleep(0.001)
            self.busy.release()
            return [feed["image"]]

    run = Runner(Session(), "directml")
    feeds = [feed(seed, 2, 2) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for each, result in zip(feeds, pool.map(run, feeds), strict=True):
            np.testing.assert_array_equal(result, each["image"])
