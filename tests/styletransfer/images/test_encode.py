"""Files that are written, read back."""

import errno
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import ImageError
from styletransfer.images import Picture, decode_image, encode_image, read_image, write_image
from tests.styletransfer.images.samples import COLORS, assert_near, assert_shows, names, noise


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".bmp"])
def test_lossless_round_trip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, Picture(COLORS))
    picture = read_image(path)
    assert np.array_equal(picture.rgb, COLORS) and picture.alpha is None
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_alpha_round_trip(tmp_path: Path, suffix: str) -> None:
    pixels = noise(5, 6, 4)
    write_image(tmp_path / f"a{suffix}", Picture(pixels[..., :3], pixels[..., 3], ()))
    picture = read_image(tmp_path / f"a{suffix}")
    assert_shows(picture, pixels[..., :3], pixels[..., 3])


def test_webp_keeps_alpha_and_obeys_quality(tmp_path: Path) -> None:
    pixels = noise(64, 64, 4)
    picture = Picture(pixels[..., :3], pixels[..., 3], ())
    for quality in (20, 95):
        write_image(tmp_path / f"{quality}.webp", picture, quality=quality)
    assert np.array_equal(read_image(tmp_path / "20.webp").alpha, pixels[..., 3])
    assert (tmp_path / "20.webp").stat().st_size < (tmp_path / "95.webp").stat().st_size * 0.8


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".bmp"])
def test_formats_without_alpha_get_white_behind(tmp_path: Path, suffix: str) -> None:
    rgb = np.full((16, 48, 3), (200, 0, 100), np.uint8)
    alpha = np.repeat(np.array([0, 102, 255], np.uint8), 16)[None].repeat(16, axis=0)
    path = tmp_path / f"a{suffix}"
    write_image(path, Picture(rgb, alpha, ()))
    written = read_image(path)
    assert written.alpha is None
    columns = written.rgb[8, [8, 24, 40]]
    assert_near(columns, [(255, 255, 255), (233, 153, 193), (200, 0, 100)], 3)


def test_jpeg_has_full_color_resolution_and_obeys_quality(tmp_path: Path) -> None:
    picture = Picture(noise(64, 64))
    for quality in (30, 95):
        write_image(tmp_path / f"{quality}.jpg", picture, quality=quality)
    with Image.open(tmp_path / "95.jpg") as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
    assert (tmp_path / "30.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 2
    assert np.abs(read_image(tmp_path / "95.jpg").rgb.astype(int) - picture.rgb).mean() < 5


def test_unknown_suffix_names_the_supported_ones(tmp_path: Path) -> None:
    for name in ("a.xyz", "a", "a.psd", "a.gif"):
        with pytest.raises(ImageError, match=r"\.jpg.*\.png.*\.webp") as caught:
            write_image(tmp_path / name, Picture(COLORS))
        assert str(tmp_path / name) in str(caught.value)
    assert names(tmp_path) == []


def test_no_folder_is_created(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file") as caught:
        write_image(tmp_path / "new" / "a.png", Picture(COLORS))
    assert str(tmp_path / "new" / "a.png") in str(caught.value)
    assert names(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="Not a directory"):
        write_image(tmp_path / "file" / "a.png", Picture(COLORS))


def test_target_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(tmp_path / "a.png", Picture(COLORS))
    assert names(tmp_path) == ["a.png"]


def test_picture_too_large_for_the_format(tmp_path: Path) -> None:
    wide = Picture(np.zeros((1, 70_000, 3), np.uint8))
    for suffix in (".jpg", ".webp"):
        with pytest.raises(ImageError, match="cannot be written"):
            write_image(tmp_path / f"a{suffix}", wide)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ImageError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path,
    failure: BaseException,
    raised: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    seen = []

    def fail(image: Image.Image, file: io.BufferedWriter, *_: object, **__: object) -> None:
        file.write(b"half a file")
        file.flush()
        seen.extend(names(tmp_path))
        raise failure

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(raised) as caught:
        write_image(path, Picture(COLORS))
    if raised is ImageError:
        assert str(path) in str(caught.value) and "No space left" in str(caught.value)
    assert len(seen) == 2  # the half file was there, in the same folder, under another name
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".webp", ".tif", ".bmp"])
def test_encoding_to_an_open_file(tmp_path: Path, suffix: str) -> None:
    picture, file = Picture(noise(20, 30), noise(20, 30, 1)[..., 0], ()), io.BytesIO()
    write_image(tmp_path / f"a{suffix}", picture, quality=60)
    encode_image(file, picture, suffix, quality=60)
    assert file.getvalue() == (tmp_path / f"a{suffix}").read_bytes()


def test_long_name_and_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 251}.png"
    write_image(path, Picture(COLORS))
    usual = tmp_path / "usual"
    usual.touch()
    assert path.stat().st_mode == usual.stat().st_mode


class Pipe(io.RawIOBase):
    """A file that cannot seek, as standard input and output in a pipe."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.content.readinto(buffer)

    def write(self, data: Any) -> int:
        return self.content.write(data)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp"])
def test_through_pipes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, Picture(noise(20, 30)))
    picture = decode_image(Pipe(path.read_bytes()), name="standard input", short_side=10)
    assert np.array_equal(picture.rgb, read_image(path, short_side=10).rgb)
    pipe = Pipe()
    encode_image(pipe, picture, suffix)
    pipe.content.seek(0)
    write_image(path, picture)
    assert pipe.content.read() == path.read_bytes()


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_pipe_of_something_else_is_named(content: bytes) -> None:
    with pytest.raises(ImageError, match=r"^standard input: "):
        decode_image(Pipe(content), name="standard input")
