"""Compressed tar files, and sources and destinations in stores that fsspec reaches."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from tests.styletransfer.dataset.data_set import (
    data_set,
    failures,
    outputs,
    pack,
    pictures,
    run,
    save,
    tar_contents,
    tree,
)

SUFFIXES = (".tar.gz", ".tgz", ".tar.zst")


class Quiet(SimpleHTTPRequestHandler):
    """A handler that tells nothing."""

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the files in the folder of the test."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[str]:
    """A folder in memory, of this test alone."""
    yield f"memory://{tmp_path.name}"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def contents(tmp_path: Path) -> dict[str, bytes]:
    """Three samples of an image and a class."""
    found = {}
    for key in "abc":
        found[f"{key}.png"] = save(tmp_path / "one.png", seed=ord(key)).read_bytes()
        found[f"{key}.cls"] = key.encode()
    return found


def stored(url: str) -> dict[str, bytes]:
    """The files below a folder of a store."""
    store, path = fsspec.core.url_to_fs(url)
    names = store.find(path)
    return {name.removeprefix(path).lstrip("/"): store.cat_file(name) for name in names}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_compressed_tars(
    model: Path, tmp_path: Path, contents: dict[str, bytes], suffix: str
) -> None:
    options = ("--style", "udnie", "--model", model)
    plain = pack(tmp_path / "in" / "x.tar", contents)
    source = pack(tmp_path / "in" / f"x{suffix}", contents)
    assert source.read_bytes()[:2] != plain.read_bytes()[:2]
    for path, out in ((plain, tmp_path / "plain"), (source, tmp_path / "packed")):
        assert run(path, out / "folder", *options).exit_code == 0
        assert run(path, out / "tar" / "y.tar", *options).exit_code == 0
    expected = pictures(tmp_path / "plain" / "folder")
    assert pictures(tmp_path / "packed" / "folder") == expected
    assert tar_contents(tmp_path / "packed" / "tar" / "y.tar") == {
        name.removeprefix("x/"): content for name, content in expected.items()
    }
    out = tmp_path / "written" / f"y{suffix}"
    assert run(source, out, *options).exit_code == 0
    assert tar_contents(out) == tar_contents(tmp_path / "packed" / "tar" / "y.tar")
    first = out.read_bytes()
    assert run(source, out, *options).stdout.startswith("wrote 0 pictures")
    assert run(source, out, *options, "--verify").exit_code == 0
    (tmp_path / "again").mkdir()
    assert run(source, tmp_path / "again" / f"y{suffix}", *options).exit_code == 0
    assert (tmp_path / "again" / f"y{suffix}").read_bytes() == first


def test_compressed_tars_that_are_damaged(
    model: Path, tmp_path: Path, contents: dict[str, bytes]
) -> None:
    for suffix in SUFFIXES:
        source = pack(tmp_path / "in" / f"x{suffix}", contents)
        source.write_bytes(source.read_bytes()[:-30])
        out = tmp_path / f"out{suffix}.d"
        assert run(source, out, "--style", "udnie", "--model", model).exit_code == 1
        assert f"x{suffix}" in failures(out)
        source.write_bytes(b"<html>not found</html>")
        result = run(source, tmp_path / f"page{suffix}.d", "--style", "udnie", "--model", model)
        assert result.exit_code == 1
        assert list(failures(tmp_path / f"page{suffix}.d")) == [f"x{suffix}"]
        assert pictures(tmp_path / f"page{suffix}.d") == {}


def test_suffixes_and_contents_that_do_not_fit(
    model: Path, tmp_path: Path, contents: dict[str, bytes]
) -> None:
    photos = data_set(tmp_path / "photos", 2)
    packed = pack(tmp_path / "in" / "x.tar.gz", contents)
    named = tmp_path / "in" / "named.tar"
    named.write_bytes(packed.read_bytes())
    bzip = tmp_path / "in" / "x.tar.bz2"
    bzip.write_bytes(b"BZh9")
    out = tmp_path / "out"
    for source, target, said in (
        (named, out, "named.tar: is compressed with gzip; rename it to named.tar.gz"),
        (bzip, out, "its suffix is none of .tar .tar.gz .tgz .tar.zst"),
        (photos, tmp_path / "out.tar.xz", "its suffix is none of"),
        (photos, tmp_path / "out.zip", "its suffix is none of"),
        (photos, tmp_path / "out{0..3}.rar", "its suffix is none of"),
        (photos, "nowhere://bucket/out", "the extra cloud brings"),
        ("http://127.0.0.1:1/photos", out, "cannot be reached"),
        (photos, "http://127.0.0.1:1/out", "cannot be written to; name a folder or a bucket"),
    ):
        before = tree(tmp_path)
        result = run(source, target, "--style", "udnie", "--model", model)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
        assert said in result.stderr
        assert tree(tmp_path) == before
        assert not out.exists()


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_folder_in_a_store(model: Path, tmp_path: Path, memory: str, kind: str) -> None:
    photos = data_set(tmp_path / "photos", 4)
    (photos / "class0" / "broken.png").write_bytes(b"no picture")
    options = ("--style", "random", "--model", model)
    run(photos, tmp_path / "whole", *options)
    base = memory if kind == "memory" else f"file://{tmp_path}/store"
    source, out = f"{base}/photos", f"{base}/out"
    store, path = fsspec.core.url_to_fs(source)
    store.put(str(photos), path, recursive=True)
    for place in (source, photos):
        result = run(place, out, *options)
        assert result.exit_code == 1
        assert outputs(stored(out)) == pictures(tmp_path / "whole")
        assert b"class0/broken.png" in stored(out)["failures.csv"]
    assert run(source, out, *options, "--verify").exit_code == 0
    store.rm_file(store.find(fsspec.core.url_to_fs(out)[1] + "/class1")[0])
    assert run(source, out, *options).stdout.startswith("wrote 1 picture ")
    assert outputs(stored(out)) == pictures(tmp_path / "whole")
    store.pipe_file(fsspec.core.url_to_fs(out)[1] + "/class1/001.png", b"damaged")
    assert (
        "class1/001.png: is not what was written" in run(source, out, *options, "--verify").stderr
    )


def test_lost_records_in_a_store_are_made_again(model: Path, tmp_path: Path, memory: str) -> None:
    photos, out = data_set(tmp_path / "photos", 4), f"{memory}/out"
    options = ("--style", "random", "--model", model)
    run(photos, out, *options)
    whole = stored(out)
    store, path = fsspec.core.url_to_fs(out)
    store.rm_file(f"{path}/manifest.csv")
    assert run(photos, out, *options).stdout.startswith("wrote 0 pictures")
    assert stored(out) == whole


@pytest.mark.parametrize("suffix", [".tar", ".tar.zst"])
def test_tars_in_a_store(
    model: Path, tmp_path: Path, contents: dict[str, bytes], memory: str, suffix: str
) -> None:
    options = ("--style", "udnie", "--model", model)
    store, path = fsspec.core.url_to_fs(f"{memory}/in")
    for number in range(3):
        packed = pack(tmp_path / "in" / f"{number}{suffix}", contents)
        store.pipe_file(f"{path}/{number}{suffix}", packed.read_bytes())
    names = "{0..2}" + suffix
    run(tmp_path / "in" / names, tmp_path / "whole" / names, *options)
    assert run(f"{memory}/in/{names}", f"{memory}/out/{names}", *options).exit_code == 0
    found = outputs(stored(f"{memory}/out"))
    assert found == outputs(tree(tmp_path / "whole"))
    again = run(f"{memory}/in/{names}", f"{memory}/out/{names}", *options)
    assert again.stdout.startswith("wrote 0 pictures")
    assert run(f"{memory}/in/{names}", f"{memory}/out/{names}", *options, "--verify").exit_code == 0


def test_a_web_server(
    model: Path, tmp_path: Path, contents: dict[str, bytes], address: str
) -> None:
    photos = data_set(tmp_path / "photos", 4)
    options = ("--style", "random", "--model", model)
    run(photos, tmp_path / "whole", *options)
    out = tmp_path / "out"
    assert run(f"{address}/photos", out, *options).exit_code == 0
    assert pictures(out) == pictures(tmp_path / "whole")
    assert run(f"{address}/photos", out, *options).stdout.startswith("wrote 0 pictures")
    pack(tmp_path / "in" / "0.tar", contents)
    pack(tmp_path / "in" / "1.tar.gz", contents)
    for name in ("0.tar", "1.tar.gz"):
        assert run(f"{address}/in/{name}", tmp_path / name / "y.tar", *options).exit_code == 0
        assert set(tar_contents(tmp_path / name / "y.tar")) == set(contents)
    result = run(f"{address}/in/{{0..2}}.tar", tmp_path / "more", *options)
    assert result.exit_code == 1
    assert set(failures(tmp_path / "more")) == {"1.tar", "2.tar"}
    assert len(pictures(tmp_path / "more")) == len(contents)
