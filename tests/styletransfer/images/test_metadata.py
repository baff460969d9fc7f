"""EXIF, XMP and resolution go from the file that is read to the file that is written."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from styletransfer.images import Metadata, Picture, read_image, write_image
from tests.styletransfer.images.samples import noise

XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description "
    b'tiff:Orientation="%d" dc:rights="Ann"/><tiff:Orientation>%d</tiff:Orientation></x:xmpmeta>'
)
TAGS = ExifTags.Base
GPS = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)}


def exif(orientation: int = 6) -> Image.Exif:
    block = Image.Exif()
    block[TAGS.Make] = "Maker"
    block[TAGS.Copyright] = "Ann"
    block[TAGS.Orientation] = orientation
    block[TAGS.DateTime] = "2020:01:02 03:04:05"
    block.get_ifd(TAGS.ExifOffset).update(
        {
            TAGS.DateTimeOriginal: "2020:01:02 03:04:05",
            TAGS.ISOSpeedRatings: 200,
            TAGS.ColorSpace: 65535,
            TAGS.ExifImageWidth: 4000,
            TAGS.ExifImageHeight: 3000,
        }
    )
    block.get_ifd(TAGS.GPSInfo).update(GPS)
    return block


def write_source(path: Path) -> None:
    image = Image.fromarray(noise(20, 30))
    options: dict[str, object] = {"exif": exif(), "xmp": XMP % (6, 6), "dpi": (300, 300)}
    if path.suffix == ".tif":
        block = Image.Exif()
        block.load(exif().tobytes())
        block[0x02BC] = XMP % (6, 6)
        options["exif"] = block
    if path.suffix == ".png":
        from PIL.PngImagePlugin import PngInfo

        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", (XMP % (6, 6)).decode())
    image.save(path, **options)


@pytest.mark.parametrize("source", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_it_is_carried_over(tmp_path: Path, source: str, target: str) -> None:
    write_source(tmp_path / f"a{source}")
    picture = read_image(tmp_path / f"a{source}")
    assert picture.rgb.shape == (30, 20, 3)
    path = tmp_path / f"b{target}"
    write_image(path, picture)
    again = read_image(path)
    assert again.rgb.shape == (30, 20, 3)  # upright, and not turned again
    assert again.notes == ()
    with Image.open(path) as image:
        block = image.getexif()
        xmp = image.info["xmp"]
        camera, place = block.get_ifd(TAGS.ExifOffset), block.get_ifd(TAGS.GPSInfo)
        if {source, target} & {".webp"} == set():
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)
    assert (block[TAGS.Make], block[TAGS.Copyright]) == ("Maker", "Ann")
    assert block[TAGS.DateTime] == "2020:01:02 03:04:05"
    assert block.get(TAGS.Orientation, 1) == 1
    assert camera[TAGS.DateTimeOriginal] == "2020:01:02 03:04:05"
    assert camera[TAGS.ISOSpeedRatings] == 200
    assert (camera[TAGS.ExifImageWidth], camera[TAGS.ExifImageHeight]) == (20, 30)
    assert camera[TAGS.ColorSpace] == 1
    assert dict(place) == GPS
    assert b'dc:rights="Ann"' in xmp
    assert set(re.findall(rb'tiff:Orientation(?:="|>)(\d)', xmp)) <= {b"1"}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_strip_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    write_source(tmp_path / "a.jpg")
    picture = read_image(tmp_path / "a.jpg")
    write_image(tmp_path / f"b{suffix}", picture, strip=True)
    write_image(tmp_path / f"bare{suffix}", Picture(picture.rgb))
    data = (tmp_path / f"b{suffix}").read_bytes()
    assert data == (tmp_path / f"bare{suffix}").read_bytes()
    assert b"Maker" not in data and b"Ann" not in data
    write_image(tmp_path / f"kept{suffix}", picture)  # what is looked for is there without it
    assert b"Maker" in (tmp_path / f"kept{suffix}").read_bytes() or suffix == ".bmp"


def test_the_thumbnail_and_the_layout_of_the_old_file_are_left_out(tmp_path: Path) -> None:
    block = exif()
    block[TAGS.ImageWidth] = 4000
    block[TAGS.StripOffsets] = 8
    metadata = Metadata(block.tobytes() + b"THUMBNAIL")
    write_image(tmp_path / "a.tif", Picture(noise(5, 6), metadata=metadata))
    write_image(tmp_path / "a.jpg", Picture(noise(5, 6), metadata=metadata))
    assert read_image(tmp_path / "a.tif").rgb.shape == (5, 6, 3)
    with Image.open(tmp_path / "a.jpg") as image:
        assert not {TAGS.ImageWidth, TAGS.StripOffsets} & set(image.getexif())
    assert b"THUMBNAIL" not in (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata(exif=b"Exif\0\0II*\0\xff\xff"),
        Metadata(exif=b"nothing of the kind"),
        Metadata(xmp=b"\xff\xfe not UTF-8"),
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_damaged_metadata_does_not_lose_the_picture(
    tmp_path: Path, metadata: Metadata, suffix: str
) -> None:
    pixels = noise(5, 6)
    write_image(tmp_path / f"a{suffix}", Picture(pixels, metadata=metadata))
    assert read_image(tmp_path / f"a{suffix}").rgb.shape == (5, 6, 3)


def test_what_is_too_long_for_jpeg_is_left_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    block = exif()
    block[TAGS.ImageDescription] = "long" * 20_000
    picture = Picture(noise(5, 6), metadata=Metadata(block.tobytes(), b"x" * 70_000, (300, 300)))
    write_image(tmp_path / "a.png", picture)
    assert caplog.messages == []
    kept = read_image(tmp_path / "a.png").metadata
    assert len(kept.exif) > 80_000 and len(kept.xmp) == 70_000
    write_image(tmp_path / "a.jpg", picture)
    assert read_image(tmp_path / "a.jpg").metadata == Metadata(dpi=(300, 300))
    assert [message.split()[0] for message in caplog.messages] == ["EXIF", "XMP"]


@pytest.mark.parametrize("dpi", [(0, 0), (1e9, 72), (float("nan"), 72)])
def test_a_resolution_that_makes_no_sense_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dpi: tuple[float, float]
) -> None:
    Image.fromarray(noise(5, 6)).save(tmp_path / "a.png")
    from PIL import PngImagePlugin

    opened = PngImagePlugin.PngImageFile._open

    def with_dpi(image: PngImagePlugin.PngImageFile) -> None:
        opened(image)
        image.info["dpi"] = dpi

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "_open", with_dpi)
    assert read_image(tmp_path / "a.png").metadata.dpi is None


def test_a_picture_needs_no_metadata(tmp_path: Path) -> None:
    picture = Picture(noise(3, 4))
    assert (picture.alpha, picture.notes, picture.metadata) == (None, (), Metadata())
    Image.fromarray(picture.rgb).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").metadata == Metadata()
    assert np.array_equal(read_image(tmp_path / "a.png").rgb, picture.rgb)
