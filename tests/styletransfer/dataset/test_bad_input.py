"""What a tree of files can be like, and calls that are refused."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styletransfer.dataset import pipeline
from tests.styletransfer.dataset.data_set import (
    check_manifest,
    data_set,
    failures,
    pack,
    pictures,
    run,
    save,
    tree,
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return data_set(tmp_path / "photos", 4)


def test_destinations_that_are_refused(model: Path, photos: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    save(full / "mine.png")
    (tmp_path / "link").symlink_to(photos)
    for source, out, said in (
        (photos, photos, "is the source itself"),
        (photos, tmp_path / "link", "is the source itself"),
        (photos, photos / "class0" / "out", f"out lies inside {photos}; give"),
        (photos / "class0", photos, "is not empty"),
        (photos, full, "is not empty"),
        (photos, model, "cannot be written to"),
        (photos, model / "out", "cannot be written to"),
        (tmp_path / "none", tmp_path / "out", "there is no such folder"),
        (full.parent / "empty", tmp_path / "out", "there is no image"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        before = tree(tmp_path)
        result = run(source, out, "--style", "udnie", "--model", model)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
        assert said in result.stderr
        assert tree(tmp_path) == before


def refuse(error: int, name: str, calls: Callable[..., Any]) -> Callable[..., Any]:
    """Return what fails for paths that have `name` in them, and else does what `calls` does."""

    def refusing(path: object, *rest: Any, **more: Any) -> Any:
        if not isinstance(path, int) and name in Path(os.fspath(path)).parts:  # type: ignore[call-overload]
            raise OSError(error, os.strerror(error), str(path))
        return calls(path, *rest, **more)

    return refusing


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS])
def test_no_right_to_write(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    # Not the mode of the folder, which does not keep a superuser out.
    monkeypatch.setattr(Path, "mkdir", refuse(error, "locked", Path.mkdir))
    result = run(photos, locked / "out", "--style", "udnie", "--model", model)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"{locked / 'out'}: cannot be written to ({os.strerror(error)})" in result.stderr


def test_a_folder_that_may_not_be_written_to_meanwhile(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        # That of the class alone: it is made when its first file is finished.
        patch.setattr(Path, "mkdir", refuse(errno.EACCES, "class1", Path.mkdir))
        result = run(photos, out, "--style", "udnie", "--model", model)
    assert result.exit_code == 1
    assert failures(out) == {"class1/001.png": "Permission denied"}
    check_manifest(out)
    result = run(photos, out, "--style", "udnie", "--model", model, "--retry-failed")
    assert result.exit_code == 0
    assert set(pictures(out)) == set(tree(photos))


def test_files_and_folders_that_may_not_be_read(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "scandir", refuse(errno.EACCES, "class1", os.scandir))
    monkeypatch.setattr(Path, "open", refuse(errno.EACCES, "000.png", Path.open))
    out = tmp_path / "out"
    result = run(photos, out, "--style", "udnie", "--model", model)
    assert result.exit_code == 1
    reasons = failures(out)
    assert set(reasons) == {"class0/000.png", "class1"}
    assert all("Permission denied" in reason for reason in reasons.values())
    assert set(pictures(out)) == {"class0/003.png", "class2/002.png"}


def test_no_space(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    result = run(photos, tmp_path / "out", "--style", "udnie", "--model", model)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "no space" in result.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_cannot_be_done(model: Path, photos: Path, tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.jpg", 64, 64).read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.png").write_bytes(b"")
    (photos / "text.png").write_text("not a picture")
    (photos / "nowhere.png").symlink_to("nothing")
    os.mkfifo(photos / "pipe.png")
    save(photos / "huge.png", 100, 100)
    out = tmp_path / "out"
    result = run(photos, out, "--style", "udnie", "--model", model, "--max-pixels", 5000)
    assert result.exit_code == 1
    reasons = failures(out)
    assert set(reasons) == {
        "cut.jpg", "empty.png", "text.png", "nowhere.png", "pipe.png", "huge.png",
    }  # fmt: skip
    assert "cut short" in reasons["cut.jpg"]
    assert "is empty" in reasons["empty.png"]
    assert "not an image" in reasons["text.png"]
    assert reasons["nowhere.png"] == "is a link to nothing"
    assert reasons["pipe.png"] == "is no regular file"
    assert "over the limit" in reasons["huge.png"]
    assert all(str(tmp_path) not in reason for reason in reasons.values())
    for name in reasons:
        assert result.stderr.count(f"Error: {name}: ") == 1
    assert len(pictures(out)) == 4
    check_manifest(out)


@pytest.mark.parametrize("source", ["photos", "in/x.tar"])
def test_pictures_that_no_reader_is_there_for(model: Path, tmp_path: Path, source: str) -> None:
    good = save(tmp_path / "photos" / "a.png").read_bytes()
    others = {"b.psd": b"8BPS", "c.jxl": b"", "d.PSD": b"", "e.txt": b""}
    for name, content in others.items():
        (tmp_path / "photos" / name).write_bytes(content)
    pack(tmp_path / "in" / "x.tar", {"a.png": good, **others})
    for target in ("out", "tars/y.tar"):
        result = run(tmp_path / source, tmp_path / target, "--style", "udnie", "--model", model)
        assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
        said = "passed over 3 pictures that cannot be read (2 .psd, 1 .jxl)"
        assert result.stderr.startswith(f"{tmp_path / source}: {said}")


def test_a_file_that_vanishes_meanwhile(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_size = pipeline.read_size

    def vanishing(path: Path) -> tuple[int, int]:
        size = read_size(path)
        if path.name == "001.png":
            path.unlink()
        return size

    monkeypatch.setattr(pipeline, "read_size", vanishing)
    out = tmp_path / "out"
    assert run(photos, out, "--style", "udnie", "--model", model).exit_code == 1
    assert list(failures(out)) == ["class1/001.png"]
    assert "cannot be read (No such file or directory)" in failures(out)["class1/001.png"]
    assert len(pictures(out)) == 3


def test_names_in_any_script_and_of_any_length(model: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    names = [
        "日本.png",
        "пейзаж é.png",
        "a,\"b'.png",
        "two\nlines.png",
        " .png",
        "x" * 251 + ".png",
    ]
    for name in names:
        save(photos / name)
    with open(os.fsencode(photos) + b"/\xff\xfe.png", "wb") as file:  # noqa: PTH123
        file.write((photos / names[0]).read_bytes())
    result = run(photos, out, "--style", "udnie", "--model", model)
    assert (result.exit_code, result.stderr) == (0, "")
    assert set(pictures(out)) == set(tree(photos))
    check_manifest(out)
    again = run(photos, out, "--style", "udnie", "--model", model)
    assert again.stdout.startswith("wrote 0 pictures")


def test_a_name_that_gets_too_long_fails_alone(model: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    long = "x" * 251 + ".png"
    save(photos / long)
    save(photos / "short.png")
    result = run(photos, out, "--style", "udnie", "--format", "webp", "--model", model)
    assert result.exit_code == 1
    assert failures(out) == {long: "File name too long"}
    assert set(pictures(out)) == {"short.webp"}


def test_links_that_lead_in_a_circle(model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "class0" / "up").symlink_to(photos)
    (photos / "same").symlink_to(photos / "class1")
    out = tmp_path / "out"
    result = run(photos, out, "--style", "udnie", "--model", model)
    assert result.exit_code == 0
    assert result.stderr == "class0/up: leads back to a folder above it; not followed\n"
    names = set(tree(photos)) | {f"same/{name}" for name in tree(photos / "class1")}
    assert set(pictures(out)) == names


def test_links_to_themselves_fail_alone(model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "loop.png").symlink_to("loop.png")
    (photos / "class0" / "a.png").symlink_to("b.png")
    (photos / "class0" / "b.png").symlink_to("a.png")
    (photos / "loop").symlink_to("loop")
    out = tmp_path / "out"
    result = run(photos, out, "--style", "udnie", "--copy-others", "--model", model)
    assert result.exit_code == 1
    names = {"loop.png", "class0/a.png", "class0/b.png", "loop"}
    reason = f"cannot be followed ({os.strerror(errno.ELOOP)})"
    assert failures(out) == dict.fromkeys(names, reason)
    assert len(pictures(out)) == 4


@pytest.mark.parametrize("format", ["same", "png"])
def test_two_inputs_of_one_name(model: Path, tmp_path: Path, format: str) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for number, name in enumerate(("a.gif", "a.jpg", "a.png", "b/c.png", "b.gif", "b.png")):
        save(photos / name, seed=number) if name != "b.png" else (photos / name).mkdir()
    save(photos / "b.png" / "d.png")
    result = run(photos, out, "--style", "udnie", "--format", format, "--model", model)
    assert result.exit_code == 0
    jpg = "a.jpg" if format == "same" else "a.jpg.png"
    assert set(pictures(out)) == {
        "a.png", "a.gif.png", jpg, "b/c.png", "b.gif.png", "b.png/d.png",
    }  # fmt: skip
    assert "a.gif: is written to a.gif.png, because a.png is taken" in result.stderr
    assert "b.gif: is written to b.gif.png, because b.png is taken" in result.stderr
    check_manifest(out)


def test_names_of_the_record_are_taken(model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "manifest.csv").write_text("mine")
    out = tmp_path / "out"
    result = run(photos, out, "--style", "udnie", "--copy-others", "--model", model)
    assert result.exit_code == 1
    assert "rename" in failures(out)["manifest.csv"]
    check_manifest(out)
