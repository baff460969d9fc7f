"""Files that cannot be read: each is refused in one line that names it."""

import errno
import os
import socket
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from styletransfer.errors import ImageError
from styletransfer.images import read_header, read_image, read_size
from tests.styletransfer.images.samples import COLORS, assert_refused, noise, png


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", {}),
        (".jpg", {"progressive": True}),
        (".png", {}),
        (".webp", {}),
        (".webp", {"lossless": True}),
        (".tif", {}),
        (".tif", {"compression": "tiff_lzw"}),
        (".bmp", {}),
        (".gif", {}),
        (".ppm", {}),
        (".jp2", {}),
        (".avif", {}),
    ],
)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_truncated_file(
    tmp_path: Path, suffix: str, options: dict[str, object], kept: float
) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(64, 64)).save(path, **options)
    data = path.read_bytes()
    assert read_image(path).rgb.shape == (64, 64, 3)
    path.write_bytes(data[: int(len(data) * kept)])
    assert_refused(path, "cut short")
    if suffix == ".jpg":
        assert_refused(path, "cut short", short_side=8)


def test_corrupt_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(64, 64)).save(path)
    data = bytearray(path.read_bytes())
    data[1000:1100] = bytes(100)
    path.write_bytes(data)
    assert_refused(path, "damaged", "intact copy")


@pytest.mark.parametrize(
    "data", [b"hello, world\n" * 50, bytes(1000), b"x", b"%PDF-1.4\n", b"%!PS"]
)
def test_not_an_image(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    assert_refused(path, "not an image", "convert")


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    assert_refused(tmp_path / "empty.png", "is empty")
    assert_refused(tmp_path / "missing.png", "No such file")
    (tmp_path / "folder.png").mkdir()
    assert_refused(tmp_path / "folder.png", "directory")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (tmp_path / "a.png").touch()
    monkeypatch.setattr(Path, "open", deny)
    assert_refused(tmp_path / "a.png", "Permission denied", "you may read")


def test_a_lack_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(image: ImageFile.ImageFile) -> None:
        raise MemoryError

    path = tmp_path / "a.png"
    Image.fromarray(noise(8, 8)).save(path)
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(MemoryError):
        read_image(path)


def test_pixel_limit_is_checked_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    png(path, 1, 0, np.zeros((1, 8), np.uint8))
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 100_000, 50_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    assert_refused(path, "5,000,000,000", "200,000,000", "raise the limit", "--max-pixels")
    assert_refused(path, "cut short", max_pixels=5_000_000_000)


def test_a_header_is_read_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(image: ImageFile.ImageFile) -> None:
        raise AssertionError("decoded")

    for suffix in (".png", ".jpg", ".webp", ".tif", ".gif", ".bmp"):
        path = tmp_path / f"a{suffix}"
        Image.fromarray(noise(6, 5)).save(path)
        with monkeypatch.context() as patch:
            patch.setattr(ImageFile.ImageFile, "load", refuse)
            header = read_header(path)
            assert (header.width, header.height) == read_size(path) == (5, 6)
            assert header.is_plain


def test_pixel_limit_is_inclusive(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(10, 10)).save(path)
    assert read_image(path, max_pixels=100).rgb.shape == (10, 10, 3)
    assert_refused(path, "limit of 99", max_pixels=99)


def test_pixel_limit_holds_for_the_resized_picture(tmp_path: Path) -> None:
    path = tmp_path / "panorama.png"
    Image.new("RGB", (5000, 3)).save(path)
    assert_refused(path, "limit", "smaller size", short_side=512)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif", ".bmp"])
def test_pillows_own_limit_does_not_interfere(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(16, 16)).save(path)
    for limit in (10, 200):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert read_image(path).rgb.shape == (16, 16, 3)
        assert limit == Image.MAX_IMAGE_PIXELS
        assert_refused(path, "limit", max_pixels=100)
        assert limit == Image.MAX_IMAGE_PIXELS


def test_threads_read_pictures_over_pillows_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    paths = [tmp_path / f"{i}.{'tif' if i % 2 else 'webp'}" for i in range(4)]
    for path in paths:
        Image.fromarray(noise(32, 32)).save(path)
    failures: list[BaseException] = []

    def work(path: Path) -> None:
        try:
            for _ in range(20):
                read_image(path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and Image.MAX_IMAGE_PIXELS == 100


# Names, and what is no file


def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    pipe, address = tmp_path / "pipe.png", tmp_path / "socket.jpg"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        for path, kind in ((pipe, "a named pipe"), (address, "a socket")):
            assert_refused(path, kind)
            with pytest.raises(ImageError, match=kind):
                read_size(path)
    assert_refused(Path("/dev/null"), "a device")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("https://example.org/a.jpg", "web address"),
        ("https:/example.org/a.jpg", "web address"),
        ("s3://bucket/a.jpg", "web address"),
        ("~/pictures/a.jpg", "outside quotes"),
        ("~someone/a.jpg", "outside quotes"),
        ("pictures/*.jpg", "pattern"),
        ("pictures/IMG_????.jpg", "pattern"),
        ("a\0b.jpg", "null"),
        ("plain.jpg", "you may read"),
    ],
)
def test_a_name_that_no_file_has_is_told_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(Path(name), words)


def test_a_file_of_such_a_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("~a.png", "a[1].png", "what?.png"):
        Image.fromarray(COLORS).save(name)
        assert np.array_equal(read_image(name).rgb, COLORS)
