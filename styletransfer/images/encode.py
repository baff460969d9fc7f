"""Write pictures to files."""

import logging
import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from PIL import Image, PngImagePlugin

from styletransfer.atomic import written_whole
from styletransfer.errors import ImageError
from styletransfer.images.metadata import Metadata, for_pixels
from styletransfer.images.picture import Picture

WRITABLE = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
_WITHOUT_ALPHA = ("JPEG", "BMP")
_XMP_TAG = 0x02BC
_LONGEST_IN_JPEG = 65_000

_log = logging.getLogger(__name__)


def write_image(
    path: str | os.PathLike[str], picture: Picture, *, quality: int = 95, strip: bool = False
) -> None:
    """Write a picture to a file in the format that the suffix names.

    The file appears under its name only when it is complete. Folders are not created.

    Args:
        path: The file, with one of the suffixes in `WRITABLE`.
        picture: The picture. In a format without alpha it is shown on white.
        quality: Quality of JPEG and WebP, 1 to 100.
        strip: Whether to leave out EXIF, XMP and resolution.

    Raises:
        ImageError: The suffix is not supported, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise ImageError(f"{path}: cannot write this format; use {' '.join(WRITABLE)}")
    try:
        with written_whole(path) as file:
            encode_image(file, picture, path.suffix, quality=quality, strip=strip)
    except (OSError, ValueError) as error:
        reason = " ".join((getattr(error, "strerror", None) or str(error)).split())
        fault = f"cannot be written ({reason})"
        raise ImageError(f"{path}: {fault}; choose another folder, size or format") from error


def encode_image(
    file: IO[bytes], picture: Picture, suffix: str, *, quality: int = 95, strip: bool = False
) -> None:
    """Write a picture to an open file as `write_image` writes it to a path.

    Args:
        file: A binary file. It need not be seekable.
        picture: The picture. In a format without alpha it is shown on white.
        suffix: One of the suffixes in `WRITABLE`.
        quality: Quality of JPEG and WebP, 1 to 100.
        strip: Whether to leave out EXIF, XMP and resolution.

    Raises:
        OSError: The file cannot be written.
        ValueError: The format cannot store the picture.
    """
    name = WRITABLE[suffix.lower()]
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        alpha = Image.fromarray(picture.alpha)
        if name in _WITHOUT_ALPHA:
            image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
        else:
            image.putalpha(alpha)
    told = {} if strip else _told(name, for_pixels(picture.metadata, *image.size))
    if file.seekable():
        image.save(file, name, quality=quality, subsampling="4:4:4", **told)
        return
    whole = BytesIO()
    image.save(whole, name, quality=quality, subsampling="4:4:4", **told)
    file.write(whole.getbuffer())


def _told(name: str, metadata: Metadata) -> dict[str, Any]:
    """Return the arguments with which Pillow writes metadata in a format."""
    told: dict[str, Any] = {"dpi": metadata.dpi} if metadata.dpi else {}
    if name == "TIFF":
        block = Image.Exif()
        block.load(metadata.exif)
        if metadata.xmp:
            block[_XMP_TAG] = metadata.xmp
        return told | {"exif": block}
    if name == "JPEG":
        metadata = _short_enough(metadata)
    if metadata.exif:
        told["exif"] = metadata.exif
    if metadata.xmp and name == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
        told["pnginfo"] = chunks
    elif metadata.xmp:
        told["xmp"] = metadata.xmp
    return told


def _short_enough(metadata: Metadata) -> Metadata:
    """Leave out blocks that are too long for JPEG, and log a warning."""
    exif, xmp = (_kept(name, getattr(metadata, name)) for name in ("exif", "xmp"))
    return replace(metadata, exif=exif, xmp=xmp)


def _kept(name: str, block: bytes) -> bytes:
    if len(block) <= _LONGEST_IN_JPEG:
        return block
    _log.warning("%s of %d bytes is left out: JPEG has no room", name.upper(), len(block))
    return b""
