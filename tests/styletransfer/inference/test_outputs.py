"""What would be written is settled, and what would do harm is refused, before any work."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.errors import ImageError, OutputError, RequestError
from styletransfer.images import Picture, write_image
from styletransfer.inference.outputs import Task, is_picture_name, plan_outputs


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def settle(
    inputs: Sequence[Path],
    out: Path,
    styles: Sequence[str] = ("udnie",),
    *,
    each: bool = False,
    overwrite: bool = False,
) -> list[Task]:
    return plan_outputs(inputs, out, styles, each=each, overwrite=overwrite)


def targets(tasks: list[Task], out: Path) -> list[str]:
    written = [target for task in tasks for target in task.targets.values()]
    return [target.relative_to(out).as_posix() for target in written]


@pytest.mark.parametrize(
    "suffix", [".jpg", ".JPEG", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".txt"]
)
def test_knows_the_suffixes_that_can_be_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    try:
        write_image(path, Picture(np.zeros((2, 2, 3), np.uint8), None, ()))
    except ImageError:
        assert not is_picture_name(path)
    else:
        assert is_picture_name(path)


def test_one_picture_to_a_file_in_a_folder_that_is_made(tmp_path: Path) -> None:
    photo, out = tmp_path / "photo.jpg", tmp_path / "new" / "deep" / "out.PNG"
    touch(photo)
    assert settle([photo], out) == [Task(photo, {"udnie": out})]
    assert not out.parent.exists()  # made when the picture is written


def test_pictures_to_a_folder_keep_their_names(tmp_path: Path) -> None:
    out = tmp_path / "out"
    photos = [tmp_path / name for name in ("a.jpg", "b.JPG", "c.gif", "d", "e.tar.png")]
    touch(*photos)
    assert targets(settle(photos, out), out) == ["a.jpg", "b.JPG", "c.png", "d.png", "e.tar.png"]
    assert not out.exists()


def test_a_folder_with_the_name_of_a_picture_is_a_folder(tmp_path: Path) -> None:
    photo, out = tmp_path / "a.jpg", tmp_path / "out.png"
    touch(photo)
    out.mkdir()
    assert targets(settle([photo], out), out) == ["a.jpg"]


def test_each_style_is_in_the_name(tmp_path: Path) -> None:
    photo, out = tmp_path / "a.gif", tmp_path / "out"
    touch(photo)
    tasks = settle([photo], out, ["udnie", "Starry night/2"], each=True)
    assert targets(tasks, out) == ["a-udnie.png", "a-Starry-night-2.png"]


@pytest.mark.parametrize("name", ["out.gif", "out.PSD", "out.avif"])
def test_a_format_that_cannot_be_written_is_no_folder(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "a.jpg")
    with pytest.raises(OutputError, match=rf"{name}: this format cannot be written; use .* \.png"):
        settle([tmp_path / "a.jpg"], tmp_path / name)
    (tmp_path / name).mkdir()
    assert len(settle([tmp_path / "a.jpg"], tmp_path / name)) == 1


def test_a_folder_may_have_a_suffix(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    out = tmp_path / "painted.2026"
    assert targets(settle([tmp_path / "a.jpg"], out), out) == ["a.jpg"]


def test_a_tree_is_kept(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    touch(photos / "a.jpg", photos / "x" / "a.jpg", photos / "x" / "y" / "b.png")
    touch(photos / "notes.txt")
    assert targets(settle([photos], out), out) == ["a.jpg", "x/a.jpg", "x/y/b.png"]


def test_results_inside_an_input_folder_are_no_inputs(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    touch(photos / "a.jpg", photos / "painted" / "a.jpg")
    tasks = settle([photos], photos / "painted", overwrite=True)
    assert [task.source for task in tasks] == [photos / "a.jpg"]


@pytest.mark.parametrize("name", ["a.jpg", "link.jpg", "hard.jpg"])
def test_never_overwrites_an_input(tmp_path: Path, name: str) -> None:
    photo = tmp_path / "a.jpg"
    touch(photo)
    (tmp_path / "link.jpg").symlink_to(photo)
    os.link(photo, tmp_path / "hard.jpg")
    with pytest.raises(OutputError, match=rf"{name} is an input, and would be overwritten"):
        settle([photo], tmp_path / "sub" / ".." / name, overwrite=True)
    assert not (tmp_path / "sub").exists()


def test_never_overwrites_the_inputs_of_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    with pytest.raises(OutputError, match="is an input"):
        settle([tmp_path], tmp_path, overwrite=True)


def test_existing_files_need_overwrite(tmp_path: Path) -> None:
    photos, out = [tmp_path / "a.jpg", tmp_path / "b.jpg"], tmp_path / "out"
    touch(*photos, out / "b.jpg")
    with pytest.raises(OutputError, match=r"b\.jpg exists already; --overwrite"):
        settle(photos, out)
    assert len(settle(photos, out, overwrite=True)) == 2
    touch(out / "a.jpg")
    with pytest.raises(OutputError, match=r"a\.jpg, and 1 more, exist already"):
        settle(photos, out)


def test_two_inputs_of_one_name(tmp_path: Path) -> None:
    one, other, out = tmp_path / "1" / "a.jpg", tmp_path / "2" / "a.jpg", tmp_path / "out"
    touch(one, other)
    with pytest.raises(OutputError) as refusal:
        settle([one, tmp_path / "2"], out)
    assert str(refusal.value) == f"{one} and {other} would both be written to {out / 'a.jpg'}"
    assert not out.exists()


def test_two_inputs_that_become_png(tmp_path: Path) -> None:
    touch(tmp_path / "a.gif", tmp_path / "a.png")
    with pytest.raises(OutputError, match=r"a\.gif and .*a\.png would both be written"):
        settle([tmp_path], tmp_path / "out")


def test_two_styles_of_one_file_name(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    with pytest.raises(OutputError, match=r"would both be written to .*a-x-y\.jpg"):
        settle([tmp_path / "a.jpg"], tmp_path / "out", ["x y", "x/y"], each=True)


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    (task,) = settle([tmp_path / ("x" * 300)], tmp_path / "out")
    assert task.source.name == "x" * 300
    with pytest.raises(OutputError, match="this folder cannot be made"):
        settle([tmp_path / "a.jpg"], tmp_path / ("x" * 300))


def test_a_file_cannot_take_several_pictures(tmp_path: Path) -> None:
    photos = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    touch(*photos)
    for inputs, each in ((photos, False), ([tmp_path], False), (photos[:1], True)):
        with pytest.raises(OutputError, match="give a folder"):
            settle(inputs, tmp_path / "out.jpg", each=each)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    photo, out = tmp_path / "a.jpg", tmp_path / "out"
    touch(photo, tmp_path / "file")
    with pytest.raises(OutputError, match="file: this folder cannot be made"):
        settle([photo], tmp_path / "file")
    with pytest.raises(OutputError, match="this folder cannot be made"):
        settle([photo], tmp_path / "file" / "below")
    (out / "a.jpg").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"a\.jpg is a folder"):
        settle([photo], out, overwrite=True)


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, out = tmp_path / "a.jpg", tmp_path / "out"
    touch(photo)
    out.mkdir()
    # Root may write anywhere, so the answer of the system is given here.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != out)
    with pytest.raises(OutputError, match="out: this folder cannot be written to"):
        settle([photo], out)
    with pytest.raises(OutputError, match="out: this folder cannot be written to"):
        settle([photo], out / "new" / "deep")


def test_a_folder_without_images(tmp_path: Path) -> None:
    touch(tmp_path / "notes.txt")
    with pytest.raises(RequestError, match="there is no image in this folder"):
        settle([tmp_path], tmp_path / "out")


@given(
    style=st.text(min_size=1, max_size=30) | st.sampled_from(["..", "/", "../../x", "C:\\x", "\0"])
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_style_name_decides_no_folder(style: str) -> None:
    with TemporaryDirectory() as folder:
        photo, out = Path(folder, "a.jpg"), Path(folder, "out")
        touch(photo)
        (task,) = settle([photo], out, [style], each=True)
        (target,) = task.targets.values()
        assert target.parent == out
        assert target.name.startswith("a-")
        assert target.name.isprintable()
