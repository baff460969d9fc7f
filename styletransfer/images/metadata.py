"""What a file tells of a picture beside its pixels, carried from input to output."""

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from PIL import ExifTags, Image

# The tags of the main EXIF directory that describe the picture. The others, and the thumbnail,
# tell how the old file stored it.
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
    """What a file tells of a picture, as it was read.

    Attributes:
        exif: EXIF block: date, camera, copyright, place. Empty without one.
        xmp: XMP packet. Empty without one.
        dpi: Resolution in pixels per inch, across and down. None without one.
    """

    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None


NO_METADATA = Metadata()


def metadata_of(image: Image.Image) -> Metadata:
    """Return the metadata of an image that Pillow has opened.

    Raises:
        Exception: Almost any, for the damaged EXIF block of a TIFF file.
    """
    info = image.info
    # The directory of a TIFF file is its EXIF block, and more.
    exif = _described(image.getexif()).tobytes() if image.format == "TIFF" else info.get("exif")
    # Some programs write the packet to PNG as plain text.
    xmp = info.get("xmp") or str(info.get("XML:com.adobe.xmp", "")).encode("utf-8", "replace")
    return Metadata(exif or b"", xmp, _sensible(info.get("dpi")))


def for_pixels(metadata: Metadata, width: int, height: int) -> Metadata:
    """Make metadata fit upright pixels in sRGB.

    Args:
        metadata: As it was read.
        width: Width of the picture that is written.
        height: Height of the picture that is written.

    Returns:
        The same with orientation, color space and size renewed, and without the tags that
        describe how the old file was stored. A damaged EXIF block is left out.
    """
    exif = b""
    if metadata.exif:
        with suppress(Exception):  # the parser of a block that any program may have written
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
    """Return a resolution that every format can hold, None for any other."""
    try:
        across, down = map(float, dpi)  # type: ignore[call-overload]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across < 2**16 and 1 <= down < 2**16 else None
