"""Sources that change after their outputs were written, and sources that move."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.styletransfer.dataset.data_set import (
    check_manifest,
    data_set,
    pack,
    pictures,
    rows,
    run,
    save,
    tar_contents,
    tree,
)


def inverted(source: Path, output: Path) -> bool:
    """Tell whether an output is what the style udnie of the tiny model makes of a source."""
    with Image.open(source) as before, Image.open(output) as after:
        return np.array_equal(255 - np.asarray(before), np.asarray(after))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return data_set(tmp_path / "photos", 6)


def test_a_changed_source_is_done_again(model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "labels.txt").write_text("old")
    out, options = tmp_path / "out", ("--style", "udnie", "--copy-others", "--model", model)
    run(photos, out, *options)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    (photos / "labels.txt").write_text("new")
    longer, same_size = photos / "class0" / "000.png", photos / "class1" / "001.png"
    save(longer, 20, 30, seed=77)
    before = same_size.stat()
    same_size.write_bytes(bytes(before.st_size))
    Image.new("RGB", (9, 8), (1, 2, 3)).save(same_size, compress_level=0)
    result = run(photos, out, *options)
    assert result.exit_code == 0
    assert result.stdout.startswith("wrote 2 pictures")
    assert inverted(longer, out / "class0" / "000.png")
    assert inverted(same_size, out / "class1" / "001.png")
    assert (out / "labels.txt").read_text() == "new"
    changed = {out / "class0" / "000.png", out / "class1" / "001.png"}
    assert {path for path in times if path.stat().st_mtime_ns != times[path]} == changed
    check_manifest(out)
    assert run(photos, out, *options, "--verify").exit_code == 0


def test_a_new_time_alone_does_nothing_again(model: Path, photos: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "out", ("--style", "random", "--model", model)
    run(photos, out, *options)
    whole = pictures(out)
    for path in photos.rglob("*.png"):
        os.utime(path, ns=(1, 1))
    assert run(photos, out, *options).stdout.startswith("wrote 0 pictures")
    assert pictures(out) == whole
    assert {row["source_version"] for row in rows(out / "manifest.csv")} == {"1"}


def test_verify_sees_what_size_and_time_hide(model: Path, photos: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "out", ("--style", "udnie", "--model", model)
    run(photos, out, *options)
    source = photos / "class0" / "000.png"
    before = source.stat()
    source.write_bytes(source.read_bytes()[:-1] + b"!")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = run(photos, out, *options, "--verify")
    assert result.exit_code == 1
    assert "class0/000.png: has changed; delete class0/000.png, then run" in result.stderr
    assert result.stderr.count("\n") == 2


@pytest.mark.parametrize("named", ["x.tar", "x.tar.gz"])
def test_a_changed_member_is_done_again(model: Path, tmp_path: Path, named: str) -> None:
    contents = {}
    for key in "ab":
        contents[f"{key}.png"] = save(tmp_path / f"{key}.png", seed=ord(key)).read_bytes()
        contents[f"{key}.cls"] = key.encode()
    source = pack(tmp_path / "in" / named, contents)
    options = ("--style", "udnie", "--model", model)
    folder, tar = tmp_path / "folder", tmp_path / "tar" / "y.tar"
    run(source, folder, *options)
    run(source, tar, *options)
    assert run(source, tar, *options).stdout.startswith("wrote 0 pictures")
    contents["a.png"] = save(tmp_path / "a.png", 20, 20, seed=9).read_bytes()
    contents["b.cls"] = b"B"
    del contents["a.cls"]
    pack(source, contents)
    assert run(source, folder, *options).stdout.startswith("wrote 1 picture ")
    assert run(source, tar, *options).stdout.startswith("wrote 2 pictures")
    (folder / "x" / "a.cls").unlink()  # what has no source any more stays in a folder
    for found in (
        {name.removeprefix("x/"): data for name, data in pictures(folder).items()},
        tar_contents(tar),
    ):
        assert set(found) == set(contents)
        assert found["b.cls"] == b"B"
        (tmp_path / "found.png").write_bytes(found["a.png"])
        assert inverted(tmp_path / "a.png", tmp_path / "found.png")
    del contents["b.cls"]
    pack(source, contents)
    run(source, tar, *options)
    assert set(tar_contents(tar)) == {"a.png", "b.png"}
    (folder / "x" / "b.cls").unlink()
    for out in (folder, tar):
        assert run(source, out, *options).stdout.startswith("wrote 0 pictures")
        assert run(source, out, *options, "--verify").exit_code == 0


@pytest.mark.parametrize("target", ["out", "out/{0..1}.tar"])
def test_the_same_source_by_another_path(
    model: Path, photos: Path, tmp_path: Path, target: str
) -> None:
    out, options = tmp_path / target, ("--style", "random", "--model", model)
    run(photos, out, *options)
    whole = tree(tmp_path / "out")
    moved = tmp_path / "mount" / "elsewhere"
    shutil.copytree(photos, moved)  # its times are kept
    result = run(moved, out, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("wrote 0 pictures")
    assert tree(tmp_path / "out") == whole
    assert run(moved, out, *options, "--verify").exit_code == 0


def test_a_new_file_in_the_folder_comes_into_its_tar(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    out, options = tmp_path / "out" / "{0..1}.tar", ("--style", "udnie", "--model", model)
    run(photos, out, *options)
    save(photos / "new.png")
    run(photos, out, *options)
    found = tar_contents(tmp_path / "out" / "0.tar") | tar_contents(tmp_path / "out" / "1.tar")
    assert set(found) == set(tree(photos))
    assert run(photos, out, *options, "--verify").exit_code == 0
