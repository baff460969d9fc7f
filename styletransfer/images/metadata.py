"""Metadata of pictures (EXIF, XMP, resolution), which outputs take over from their inputs."""

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from PIL import ExifTags, Image

# The tags of the main EXIF directory that describe the picture. The others, and the thumbnail,
# describe how the old file stores it.
_TAGS = ExifTags.Base
_DESCRIPTIVE = {
    _TAGS.ProcessingSoftware, _TAGS.DocumentName, _TAGS.ImageDescription, _TAGS.Make, _TAGS.Model,
    _TAGS.Software, _TAGS.DateTime, _TAGS.Artist, _TAGS.HostComputer, _TAGS.Rating,
    _TAGS.RatingPercent, _TAGS.Copyright, _TAGS.ExifOffset, _TAGS.GPSInfo, _TAGS.XPTitle,
    _TAGS.XPComment, _TAGS.XPAuthor, _TAGS.XPKeywords, _TAGS.XPSubject, _TAGS.UniqueCameraModel,
    _TAGS.CameraSerialNumber,
}  # fmt: skip
_UPRIGHT = 1
_SRGB = 1
_ORIENTATION_IN_XMP = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)[0-9]")


@dataclass(frozen=True)
class Metadata:
    """Metadata as a file contains it.

    Attributes:
        exif: EXIF block with date, camera, copyright, place; empty if there is none.
        xmp: XMP packet; empty if there is none.
        dpi: Resolution in pixels per inch, across and down; None if there is none.
    """

    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None


NO_METADATA = Metadata()


def metadata_of(image: Image.Image) -> Metadata:
    """Return the metadata of an image that Pillow has opened.

    Raises:
        Exception: The EXIF block of a TIFF file is damaged. The type may be any.
    """
    info = image.info
    # The directory of a TIFF file is its EXIF block, and more.
    exif = _described(image.getexif()).tobytes() if image.format == "TIFF" else info.get("exif")
    # Some programs write the packet into PNG files as plain text.
    xmp = info.get("xmp") or str(info.get("XML:com.adobe.xmp", "")).encode("utf-8", "replace")
    return Metadata(exif or b"", xmp, _sensible(info.get("dpi")))


def for_pixels(metadata: Metadata, width: int, height: int) -> Metadata:
    """Return metadata for a picture that is written upright and in sRGB.

    Args:
        metadata: Metadata of the input.
        width: Width of the output in pixels.
        height: Height of the output in pixels.

    Returns:
        The metadata with new orientation, color space and size, and without the tags that describe
        how the input was stored. A damaged EXIF block is left out.
    """
    exif = b""
    if metadata.exif:
        with suppress(Exception):  # the block may contain anything, and the parser raises anything
            exif = _renewed(metadata.exif, width, height)
    xmp = _ORIENTATION_IN_XMP.sub(rb"\g<1>%d" % _UPRIGHT, metadata.xmp)
    return replace(metadata, exif=exif, xmp=xmp)


def _renewed(exif: bytes, width: int, height: int) -> bytes:
    block = Image.Exif()
    block.load(exif)
    _described(block)
    camera = block.get_ifd(_TAGS.ExifOffset)
    for tag, value in (
        (_TAGS.ColorSpace, _SRGB),
        (_TAGS.ExifImageWidth, width),
        (_TAGS.ExifImageHeight, height),
    ):
        if tag in camera:
            camera[tag] = value
    return block.tobytes() if len(block) else b""


def _described(block: Image.Exif) -> Image.Exif:
    """Remove all tags of the main directory that do not describe the picture."""
    for tag in set(block) - _DESCRIPTIVE:
        del block[tag]
    return block


def _sensible(dpi: object) -> tuple[float, float] | None:
    """Return a resolution if every format can store it, else None."""
    try:
        across, down = map(float, dpi)  # type: ignore[call-overload]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across < 2**16 and 1 <= down < 2**16 else None
