"""Which files in a folder are images."""

from pathlib import Path

import pytest

from styletransfer.errors import ImageError
from styletransfer.images import find, find_images, image_suffixes, is_unreadable


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


def test_pictures_that_cannot_be_read_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["a.PSD", "b.psd", "sub/c.jxl", "d.cr2", "e.tga", "notes.txt", "f.png", ".g.psd"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    lines: list[str] = []
    assert find_images(tmp_path, lines.append) == [tmp_path / "f.png"]
    assert lines == [
        f"{tmp_path}: passed over 5 pictures that cannot be read (2 .psd, 1 .cr2, 1 .jxl, 1 .tga)"
    ]
    assert find_images(tmp_path / "sub", lines.append) == []
    assert lines[1] == f"{tmp_path / 'sub'}: passed over 1 picture that cannot be read (1 .jxl)"
    (tmp_path / "sub" / "c.jxl").unlink()
    find_images(tmp_path / "sub", lines.append)
    assert len(lines) == 2 and caplog.messages == []
    find_images(tmp_path)
    assert caplog.messages == [lines[0].replace("5 pictures", "4 pictures").replace("1 .jxl, ", "")]


@pytest.mark.parametrize("installed", [True, False])
def test_heic_with_and_without_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    (tmp_path / "a.HEIC").touch()
    monkeypatch.setattr(find, "find_spec", lambda name: object() if installed else None)
    find.image_suffixes.cache_clear()
    lines: list[str] = []
    try:
        found = find_images(tmp_path, lines.append)
    finally:
        find.image_suffixes.cache_clear()
    assert len(found) == installed and len(lines) == 1 - installed
    if not installed:
        assert "1 .heic" in lines[0] and "pillow-heif" in lines[0]


def test_every_suffix_is_of_one_kind() -> None:
    assert not any(map(is_unreadable, image_suffixes()))
    assert is_unreadable(".PSD") and is_unreadable(".cr3")
    assert not is_unreadable(".txt") and not is_unreadable("")
    assert {".jpg", ".png", ".webp", ".avif", ".tif", ".jp2"} <= image_suffixes()


def test_a_web_address_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match="web address"):
        find_images("https://example.org/photos")
    with pytest.raises(ImageError, match="outside quotes"):
        find_images("~/photos")
