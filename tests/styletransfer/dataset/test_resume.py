"""Runs that end before their end, and what the same command makes of them afterwards."""

import errno
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from styletransfer.dataset import destination, stages
from styletransfer.dataset.journal import LOCK, Journal, lock_dead, read_lines
from styletransfer.dataset.sink import FolderSink
from tests.styletransfer.dataset.data_set import (
    check_manifest,
    data_set,
    failures,
    pictures,
    rows,
    run,
    save,
    start,
    tree,
)

KILLS = {"": 20, "{0..5}.tar": 12, "{0..5}.tar.gz": 8}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = data_set(tmp_path / "photos", 40)
    (folder / "class0" / "broken.png").write_bytes(b"no picture")
    (folder / "class1" / "labels.txt").write_text("0 1 2")
    return folder


def count(folder: Path) -> int:
    """The number of files below a folder."""
    return sum(len(files) for _, _, files in os.walk(folder))


@pytest.mark.parametrize("name", ["", "{0..5}.tar", "{0..5}.tar.gz"])
def test_killed_at_random_moments(model: Path, photos: Path, tmp_path: Path, name: str) -> None:
    options = ("--style", "random", "--seed", 3, "--copy-others", "--model", model)
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(photos, whole / name, *options)
    moments = random.Random(len(name))
    kills = 0
    while kills < KILLS[name]:
        process = start(photos, out / name, *options)
        # A few files after it has begun to write, or before, or once it has ended by itself.
        wanted = count(out) + moments.choice([0, 1, 1, 2, 3, 5])
        while process.is_alive() and count(out) < wanted:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.02))
        kills += process.is_alive()
        process.kill()
        process.join()
        if not out.joinpath(".styletransfer").exists():  # it has ended, or not begun
            shutil.rmtree(out, ignore_errors=True)
    process = start(photos, out / name, *options)
    process.join()
    assert process.exitcode == 1  # for the broken file
    assert tree(out) == tree(whole)
    if not name:
        check_manifest(out)
    assert list(failures(out)) == ["class0/broken.png"]
    assert run(photos, out / name, *options, "--verify").exit_code == 0


class Died(BaseException):
    """What stands for SIGKILL here: nothing in the program handles it."""


@pytest.mark.parametrize("moment", ["before the line", "after the line", "after the rename"])
def test_ends_between_any_two_steps_of_a_file(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Every third file dies on its way; the run is given again until all are done."""
    options = ("--style", "random", "--copy-others", "--model", model, "--workers", 1)
    run(photos, tmp_path / "whole", *options)
    accept, append, deaths = FolderSink.accept, Journal.append, 0

    def dies(self: FolderSink, job: object, files: list[object]) -> None:
        nonlocal deaths
        deaths += 1
        if deaths % 3:
            accept(self, job, files)  # type: ignore[arg-type]
            return
        if moment == "after the line":
            append(self._journal, *(file.entry.line() for file in files))  # type: ignore[attr-defined]
        if moment == "after the rename":
            accept(self, job, files)  # type: ignore[arg-type]
        raise Died

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(FolderSink, "accept", dies)
        # What a dead process does not do: clean up.
        patch.setattr(Journal, "close", lambda self: self._process.release())
        for _ in range(5):
            with pytest.raises(Died):
                run(photos, out, *options)
    assert pictures(out)
    assert run(photos, out, *options).exit_code == 1
    assert tree(out) == tree(tmp_path / "whole")


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "work")
    journal.append({"failed": ["a", "b"]})
    journal._file.write(b'{"failed": ["c')
    lock_file = journal.path.with_suffix(LOCK)
    assert lock_dead(lock_file) is None  # it lives
    journal.close()
    assert list(read_lines(journal.path)) == [{"failed": ["a", "b"]}]
    lock = lock_dead(lock_file)
    assert lock is not None
    lock.release()


def test_only_what_is_missing_is_done(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--style", "udnie", "--model", model)
    run(photos, out, *options)
    whole = tree(out)
    gone = out / "class0" / "000.png"
    gone.unlink()
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    result = run(photos, out, *options)
    assert result.stdout.startswith("wrote 1 picture")
    assert tree(out) == whole
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_lost_records_are_made_again(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--style", "random", "--copy-others", "--model", model)
    run(photos, out, *options)
    whole = tree(out)
    (out / "manifest.csv").unlink()
    assert run(photos, out, *options).stdout.startswith("wrote 0 pictures")
    assert tree(out) == whole


def test_failed_files_are_tried_again_only_if_asked_for(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    out, broken = tmp_path / "out", photos / "class0" / "broken.png"
    options = ("--style", "udnie", "--model", model)
    result = run(photos, out, *options)
    assert result.exit_code == 1
    assert "class0/broken.png: not an image" in result.stderr
    assert "1 file failed" in result.stderr
    save(broken)
    assert run(photos, out, *options).exit_code == 1
    assert not (out / "class0" / "broken.png").exists()
    assert run(photos, out, *options, "--retry-failed").exit_code == 0
    assert (out / "class0" / "broken.png").exists()
    assert failures(out) == {}
    check_manifest(out)


def test_two_configurations_do_not_mix(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(photos, out, "--style", "udnie", "--model", model)
    whole = tree(out)
    others = tmp_path / "others"
    save(others / "class0" / "000.png", 30, 40)
    for source, options, said in (
        (photos, ("--style", "the_scream"), "style udnie, not the_scream"),
        (photos, ("--style", "udnie", "--strength", "0.5"), "strength"),
        (photos, ("--style", "udnie", "--quality", "90"), "quality 95, not 90"),
        (others, ("--style", "udnie"), "was made from other files"),
    ):
        result = run(source, out, *options, "--model", model)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert said in result.stderr
    assert tree(out) == whole


@pytest.mark.parametrize(
    ("place", "name"), [(Journal, "append"), (stages, "encode_image"), (os, "fsync")]
)
def test_a_full_disk_stops_the_run(
    model: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: object,
    name: str,
) -> None:
    out, calls, count = tmp_path / "out", getattr(place, name), 0
    options = ("--style", "udnie", "--copy-others", "--model", model)

    def full(*arguments: object, **more: object) -> object:
        nonlocal count
        count += 1
        if count <= 10:
            return calls(*arguments, **more)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(place, name, full)
        result = run(photos, out, *options)
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {out}: No space left on device; ")
    assert "again" in last
    run(photos, out, *options)
    run(photos, tmp_path / "whole", *options)
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.parametrize("target", ["out", "out/{0..0}.tar"])
@pytest.mark.parametrize("at", ["the failure of a file", "the end"])
def test_a_full_disk_is_named_wherever_it_is_met(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, at: str
) -> None:
    if at == "the failure of a file":  # whose line cannot be written either
        for path in photos.rglob("*"):
            if path.is_file() and path.name != "broken.png":
                path.unlink()
    options = ("--style", "udnie", "--model", model)

    def full(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if at == "the end":
            patch.setattr(destination, "write_rows", full)
        else:
            patch.setattr(os, "fsync", full)
        result = run(photos, tmp_path / target, *options)
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {tmp_path / 'out'}: No space left on device; mend that")


def test_verify(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (photos / "class0" / "broken.png").unlink()
    options = ("--style", "random", "--model", model)
    assert "no data set" in run(photos, out, *options, "--verify").stderr
    run(photos, out, *options)
    whole = tree(out)
    result = run(photos, out, *options, "--verify")
    assert (result.exit_code, result.stdout) == (0, "as the manifest says: 40 files\n")
    (out / "class0" / "000.png").write_bytes(b"other")
    (out / "class0" / "003.png").unlink()
    (out / "class0" / "strange.png").write_bytes(b"")
    save(photos / "new.png")
    result = run(photos, out, *options, "--verify")
    assert result.exit_code == 1
    lines = sorted(result.stderr.splitlines())
    assert [line.split(": ")[0] for line in lines] == [
        "Error", "class0/000.png", "class0/003.png", "class0/strange.png", "new.png",
    ]  # fmt: skip
    assert lines[0] == "Error: not as the manifest says: 4 files"
    assert set(tree(out)) - {"class0/strange.png"} == set(whole) - {"class0/003.png"}
    assert len(rows(out / "manifest.csv")) == 40
