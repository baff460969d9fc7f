"""Shards in a store or at an address."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from torch.utils.data import DataLoader

from styletransfer.errors import ScratchError, TrainingDataError
from styletransfer.training import shards
from styletransfer.training.shards import find_shards, read_shard
from tests.styletransfer.training.tars import levels, paths_in, stream
from tests.styletransfer.training.tiny import data


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[str]:
    """A folder in memory, of this test alone."""
    yield f"memory://{tmp_path.name}"
    fsspec.filesystem("memory").store.clear()


def test_shards_in_a_store(folder: Path, memory: str) -> None:
    store = fsspec.filesystem("memory")
    for path in folder.iterdir():
        store.pipe_file(f"{memory}/{path.name}", path.read_bytes())
    paths = find_shards(f"{memory}/{{0..3}}.tar")
    assert levels(list(stream(paths))) == levels(list(stream(paths_in(folder))))
    loader = DataLoader(stream(paths, workers=2), batch_size=None, num_workers=2)
    here = stream(paths_in(folder), workers=2)
    assert levels(list(loader)) == levels(list(here))


class Broken(BaseHTTPRequestHandler):
    """Serves the files of a folder. The first `breaks` answers of each end midway."""

    folder: Path
    breaks: dict[str, int]

    def do_GET(self) -> None:
        content = (self.folder / self.path.lstrip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.breaks.get(self.path, 0) > 0:
            self.breaks[self.path] -= 1
            content = content[: len(content) // 2]
        self.wfile.write(content)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str((self.folder / self.path[1:]).stat().st_size))
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def served(folder: Path) -> Iterator[Callable[[dict[str, int]], str]]:
    """A function that says how often the answers break, and returns the address."""
    handler = type("Handler", (Broken,), {"folder": folder, "breaks": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def address(breaks: dict[str, int]) -> str:
            handler.breaks = breaks
            return f"http://127.0.0.1:{server.server_port}"

        yield address
        server.shutdown()
        thread.join()


def test_an_address_that_fails_midway_is_tried_again(
    folder: Path, served: Callable[[dict[str, int]], str]
) -> None:
    address = served({"/0.tar": 2, "/2.tar": 1})
    batches = list(stream(find_shards(f"{address}/{{0..3}}.tar")))
    assert levels(batches) == levels(list(stream(paths_in(folder))))
    assert all(batch.skipped == [] for batch in batches)


def test_an_address_that_keeps_failing_is_named_and_passed_over(
    served: Callable[[dict[str, int]], str],
) -> None:
    address = served({"/1.tar": 1000})
    batches = list(stream(find_shards(f"{address}/{{0..3}}.tar"), steps=40))
    assert set(levels(batches)) == {*range(5), *range(10, 20)}
    (line,) = {line for batch in batches for line in batch.skipped}
    assert line.startswith(f"{address}/1.tar: cannot be read (")


def test_no_room_for_a_copy(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards, "unpacked", full)
    with pytest.raises(ScratchError, match=r"no room for a copy of memory://.*set TMPDIR"):
        read_shard(shards.place(f"{memory}/0.tar"))


def test_a_folder_of_a_store_is_refused(memory: str) -> None:
    with pytest.raises(TrainingDataError, match="no folder of a store"):
        data(f"{memory}/photos").setup("fit")
