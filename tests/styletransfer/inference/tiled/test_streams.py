"""Decoding to disk and encoding from it: the same pixels as through memory."""

import _thread
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from styletransfer.errors import ImageError, ScratchError
from styletransfer.images import read_image
from styletransfer.inference.tiled import streams
from styletransfer.inference.tiled.scratch import check_room, scratch_file
from styletransfer.inference.tiled.streams import can_stream, decoded, encode
from tests.styletransfer.images.samples import png
from tests.styletransfer.inference.compact_model import noise

pyvips = pytest.importorskip("pyvips", reason="pyvips is an optional extra")

RGB = Image.fromarray(noise(300, 70))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ROTATED = Image.Exif()
ROTATED[0x0112] = 6


def with_alpha(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(RGB.convert("L"))
    return image


@pytest.mark.parametrize(
    "name, image",
    [
        ("rgb.png", RGB),
        ("rgba.png", with_alpha(RGB)),
        ("gray.png", RGB.convert("L")),
        ("gray_alpha.png", with_alpha(RGB.convert("L"))),
        ("palette.png", RGB.quantize(50)),
        ("bits.png", RGB.convert("1")),
        ("rgb.tif", RGB),
        ("rgb.jpg", RGB),
        ("gray.tiff", RGB.convert("L")),
    ],
)
def test_pixels_are_those_of_the_usual_way(name: str, image: Image.Image, tmp_path: Path) -> None:
    source = tmp_path / name
    image.save(source)
    expected = read_image(source)
    assert can_stream(source, tmp_path / "out.png")
    with decoded(source) as streamed:
        np.testing.assert_array_equal(streamed.rgb.read(0, 300), expected.rgb)
        assert (streamed.alpha is None) == (expected.alpha is None)
        for suffix in (".png", ".tif"):
            encode(tmp_path / f"out{suffix}", streamed)
            written = read_image(tmp_path / f"out{suffix}")
            np.testing.assert_array_equal(written.rgb, expected.rgb)
            if expected.alpha is not None:
                np.testing.assert_array_equal(written.alpha, expected.alpha)
        encode(tmp_path / "out.jpg", streamed)
    jpeg = read_image(tmp_path / "out.jpg").rgb.astype(int)
    over_white = Image.new("RGB", (70, 300), "white")
    if expected.alpha is not None:
        over_white.paste(Image.fromarray(expected.rgb), mask=Image.fromarray(expected.alpha))
    else:
        over_white = Image.fromarray(expected.rgb)
    assert np.abs(jpeg - np.asarray(over_white)).mean() < 5


@pytest.mark.parametrize(
    "name, image, options",
    [
        ("profile.png", RGB, {"icc_profile": SRGB}),
        ("rotated.jpg", RGB, {"exif": ROTATED}),
        ("deep.png", Image.fromarray(np.zeros((9, 9), np.uint16)), {}),
        ("pages.tif", RGB, {"save_all": True, "append_images": [RGB]}),
        ("alpha.tif", with_alpha(RGB), {}),
        ("cmyk.jpg", RGB.convert("CMYK"), {}),
        ("photo.webp", RGB, {}),
    ],
)
def test_what_needs_more_than_decoding_is_left_alone(
    name: str, image: Image.Image, options: dict[str, object], tmp_path: Path
) -> None:
    image.save(tmp_path / name, **options)
    assert not can_stream(tmp_path / name, tmp_path / "out.png")


def test_neither_are_other_targets_nor_other_files(tmp_path: Path) -> None:
    RGB.save(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("no picture")
    assert not can_stream(tmp_path / "photo.png", tmp_path / "out.webp")
    assert not can_stream(tmp_path / "text.png", tmp_path / "out.png")
    assert not can_stream(tmp_path / "missing.png", tmp_path / "out.png")


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RGB.save(tmp_path / "photo.png")
    monkeypatch.setitem(sys.modules, "pyvips", None)
    assert not can_stream(tmp_path / "photo.png", tmp_path / "out.png")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 5}])
@pytest.mark.parametrize("lost", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_is_read_with_a_note(
    tmp_path: Path, options: dict[str, object], lost: int
) -> None:
    source = tmp_path / "a.jpg"
    RGB.save(source, **options)
    with decoded(source) as streamed:
        whole = streamed.rgb.read(0, 300)
        assert streamed.notes == ()
    data = source.read_bytes()
    source.write_bytes(data[:-lost])
    assert can_stream(source, tmp_path / "b.png")
    with decoded(source) as streamed:
        np.testing.assert_array_equal(streamed.rgb.read(0, 300), whole)
        assert streamed.notes == read_image(source).notes != ()
    # It lacks pixels.
    for cut in (data[:-4], data[: len(data) // 2], data[:-20]):
        source.write_bytes(cut)
        with pytest.raises(ImageError), decoded(source):
            pass
        with pytest.raises(ImageError):
            read_image(source)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    RGB.save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    source = tmp_path / "half.png"
    source.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"half.png: damaged or cut short"), decoded(source):
        pass


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    RGB.save(tmp_path / "photo.png")
    fault = pytest.raises(ImageError, match=r"nowhere/out.png: cannot be written")
    with decoded(tmp_path / "photo.png") as streamed, fault:
        encode(tmp_path / "nowhere" / "out.png", streamed)


def test_a_name_that_libvips_would_take_for_options(tmp_path: Path) -> None:
    RGB.rotate(180).save(tmp_path / "a.png")
    source = tmp_path / "a.png[bits=8]"
    RGB.save(source, "PNG")
    assert can_stream(source, tmp_path / "out.png")
    with decoded(source) as streamed:
        np.testing.assert_array_equal(streamed.rgb.read(0, 300), np.asarray(RGB))


def test_what_transparency_hides_is_replaced_as_in_memory(tmp_path: Path) -> None:
    alpha = np.kron(np.eye(10, dtype=np.uint8) * 255, np.ones((30, 7), np.uint8))
    for name, hidden in (("a.png", 0), ("b.png", 90)):
        rgb = np.where(alpha[..., None] > 0, np.asarray(RGB), hidden).astype(np.uint8)
        Image.fromarray(np.dstack([rgb, alpha])).save(tmp_path / name)
        expected = read_image(tmp_path / name)
        with decoded(tmp_path / name) as streamed:
            np.testing.assert_array_equal(streamed.rgb.read(0, 300), expected.rgb)
            assert streamed.alpha is not None
            np.testing.assert_array_equal(streamed.alpha.read(0, 300)[..., 0], alpha)


def test_bands_of_any_height_give_one_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_alpha(RGB).save(tmp_path / "a.png")
    expected = read_image(tmp_path / "a.png").rgb
    for pixels in (1, 2000, 10_000):
        monkeypatch.setattr(streams, "PIXELS_AT_ONCE", pixels)
        with decoded(tmp_path / "a.png") as streamed:
            np.testing.assert_array_equal(streamed.rgb.read(0, 300), expected)


def test_the_pixel_limit_holds(tmp_path: Path) -> None:
    RGB.save(tmp_path / "a.png")
    source = tmp_path / "a.png"
    with decoded(source, max_pixels=300 * 70):
        pass
    fault = pytest.raises(ImageError, match=r"a.png: 21,000 pixels are over the limit of 20,999")
    with fault, decoded(source, max_pixels=20_999):
        pass


def test_gamma_is_left_to_the_usual_way(tmp_path: Path) -> None:
    pixels = noise(8, 8)
    for gamma, streamed in ((1.0, False), (0.45455, True)):
        chunk = round(gamma * 100_000).to_bytes(4, "big")
        source = png(tmp_path / f"{gamma}.png", 8, 2, pixels, gAMA=chunk)
        assert can_stream(source, tmp_path / "out.png") == streamed


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_metadata_is_carried_over(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769).update({0x9003: "2020:01:02 03:04:05"})
    RGB.save(tmp_path / "a.jpg", exif=exif, xmp=b"<x:xmpmeta>Ann</x:xmpmeta>", dpi=(300, 300))
    target = tmp_path / f"b{suffix}"
    with decoded(tmp_path / "a.jpg") as streamed:
        encode(target, streamed)
        encode(tmp_path / f"bare{suffix}", streamed, strip=True)
    assert b"Ann" in read_image(target).metadata.xmp
    with Image.open(target) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        if suffix != ".tif":  # libvips writes no EXIF to TIFF
            block = image.getexif()
            assert block[0x010F] == "Maker"
            assert block.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"
    bare = (tmp_path / f"bare{suffix}").read_bytes()
    assert b"Ann" not in bare and b"Maker" not in bare


def test_an_interrupt_ends_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(noise(2000, 2000)).save(tmp_path / "a.tif")
    write, killed = pyvips.Image.write_to_target, []

    def interrupted(image: object, *arguments: object) -> None:
        _thread.interrupt_main()
        write(image, *arguments)

    kill = pyvips.Image.set_kill
    monkeypatch.setattr(pyvips.Image, "write_to_target", interrupted)
    monkeypatch.setattr(
        pyvips.Image, "set_kill", lambda image, on: (killed.append(on), kill(image, on))
    )
    with decoded(tmp_path / "a.tif") as streamed, pytest.raises(KeyboardInterrupt):
        encode(tmp_path / "b.png", streamed)
    assert killed == [True]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_room_on_disk_is_checked_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    line = check_room(15 * 10**8)
    assert line == f"takes 1.5 GB of 2.0 GB on disk in {tmp_path} for a while"
    for reserve in (check_room, lambda size: scratch_file(size).__enter__()):
        with pytest.raises(ScratchError, match=r"no room.*3\.0 GB.*2\.0 GB are free.*TMPDIR"):
            reserve(3 * 10**9)
