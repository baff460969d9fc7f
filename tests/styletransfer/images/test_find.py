"""Which files in a folder are images."""

from pathlib import Path

import pytest

from styletransfer.errors import ImageError
from styletransfer.images import find_images


def test_find_images(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub/deep/c.WebP", "sub/d.tiff", "e.gif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in (".hidden.png", ".cache/f.png", "notes.txt", "png", "sub/.g/h.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    expected = ["a.png", "b.JPG", "e.gif", "sub/d.tiff", "sub/deep/c.WebP"]
    assert find_images(str(tmp_path)) == [tmp_path / name for name in expected]


def test_find_images_through_links_and_loops(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (outside / "sub").mkdir(parents=True)
    inside.mkdir()
    (outside / "sub" / "a.png").touch()
    (outside / "sub" / "loop").symlink_to(outside)
    (inside / "link").symlink_to(outside)
    (inside / "self").symlink_to(inside)
    assert find_images(inside) == [inside / "link" / "sub" / "a.png"]


def test_find_images_in_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    for name in ("a.png", "missing"):
        with pytest.raises(ImageError, match="name a folder") as caught:
            find_images(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
