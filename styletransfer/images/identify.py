"""Open image files and identify their format by their content."""

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile, PngImagePlugin

from styletransfer.errors import ImageError
from styletransfer.images.find import RAW_SUFFIXES, READABLE, why_missing
from styletransfer.images.tiff import codec_is_missing, silence_libtiff, unsupported_kind

# Pillow refuses PNG chunks of text and color profiles over 1 MB, but editors write larger ones.
# Its limit for all text of a file stays.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY

_SPECIAL = {
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}
_FOREIGN = {
    b"8BPS": "Photoshop",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"DDS ": "DDS",
    b"qoif": "QOI",
    b"\0\0\1\0": "icon",
    b"gimp xcf": "GIMP",
    b"FUJIFILMCCD-RAW": "camera raw",
    b"<svg": "SVG",
    b"%!PS": "PostScript",
    b"%PDF": "PDF",
}
_PAGED = ("TIFF", "MPO", "HEIF")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
INTACT = "replace it by an intact copy"
RAISE_LIMIT = (
    "shrink it or raise the limit (--max-pixels of stylize and stylize-dataset, max_pixels in "
    "Python)"
)

_limit_lock = threading.Lock()


def open_file(path: Path) -> IO[bytes]:
    """Open an image file for reading. Pipes, sockets and devices are never opened.

    Raises:
        ImageError: The file is missing, cannot be opened, or is not a regular file.
    """
    try:
        mode = path.stat().st_mode
        for is_kind, kind in _SPECIAL.items():
            if is_kind(mode):
                raise ImageError(f"{path}: is {kind}, not a file; name an image file")
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        advice = why_missing(path) or "name an image file that you may read"
        raise ImageError(f"{path}: cannot be read ({reason}); {advice}") from error


def identify(file: IO[bytes], name: str, max_pixels: int) -> ImageFile.ImageFile:
    """Read the header of an image. Its content decides the format, not its name.

    Args:
        file: A seekable binary file, at its start.
        name: Name of the file in errors.
        max_pixels: Limit for the readers of Pillow that check the number of pixels themselves.

    Raises:
        ImageError: The file is empty, is no image, or is of a kind that cannot be read.
    """
    # Not Image.open: its pixel limit is global to the process.
    start = file.read(16)
    if not start:
        raise ImageError(f"{name}: is empty; {INTACT}")
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS:
        _register_heif(name)
    for register in (
        Image.preinit,
        Image.init,
    ):  # first the common formats, then all, which is slower
        register()
        for kind in READABLE:
            factory, accept = Image.OPEN.get(kind, (None, None))
            if factory and accept and accept(start) is True:
                if kind == "TIFF" and Path(name).suffix.lower() in RAW_SUFFIXES:
                    fault = "a camera's raw file is not supported; develop it to TIFF or JPEG first"
                    raise ImageError(f"{name}: {fault}")
                return _parsed(kind, file, name, max_pixels)
    found = next((f" ({kind})" for mark, kind in _FOREIGN.items() if start.startswith(mark)), "")
    fault = f"not an image that can be read{found}"
    raise ImageError(f"{name}: {fault}; convert it to PNG or JPEG first")


def load(image: ImageFile.ImageFile, name: str, max_pixels: int) -> None:
    """Decode an identified image. Only one picture over Pillow's own limit is decoded at a time.

    Raises:
        ImageError: The file is damaged or truncated, or its compression is not supported.
    """
    try:
        with _limit_lock:  # Pillow's TIFF reader checks the global limit again
            limit = Image.MAX_IMAGE_PIXELS
            if limit is not None and image.width * image.height > limit:
                with _pillow_limit(max_pixels):
                    image.load()
                return
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # for damaged bytes Pillow may raise any exception
        codec = image.info.get("compression")
        if image.format == "TIFF" and codec and codec_is_missing(codec):
            fault = f"TIFF compression {codec!r} is not supported; save it without compression"
            raise ImageError(f"{name}: {fault}") from error
        raise _fault(name, error, "damaged or cut short", INTACT) from error


def check_pixels(name: str, pixels: int, most: int, advice: str = RAISE_LIMIT) -> None:
    """Raise ImageError for a picture of more than `most` pixels."""
    if pixels > most:
        raise ImageError(f"{name}: {pixels:,} pixels are over the limit of {most:,}; {advice}")


def frame_notes(image: ImageFile.ImageFile, name: str) -> list[str]:
    """Return a note if a file contains more than the one picture that is used."""
    try:
        frames = getattr(image, "n_frames", 1)
    except Exception as error:
        raise _fault(name, error, "damaged or cut short", INTACT) from error
    pages = f"{frames} pictures in one file"
    kind = pages if image.format in _PAGED else f"animated, {frames} frames"
    return [f"{kind}: only the first is used"] if frames > 1 else []


def _parsed(kind: str, file: IO[bytes], name: str, max_pixels: int) -> ImageFile.ImageFile:
    factory = Image.OPEN[kind][0]
    if kind == "TIFF":
        silence_libtiff()
    try:
        # Without the name, because Pillow would memory-map a file of that name.
        try:
            file.seek(0)
            return factory(file, "")
        except Image.DecompressionBombError:  # some readers check the limit themselves
            file.seek(0)
            with _limit_lock, _pillow_limit(max_pixels):
                return factory(file, "")
    except MemoryError:
        raise
    except Exception as error:
        if kind == "TIFF" and (found := unsupported_kind(file)):
            fault = f"{found} is not supported; convert it to PNG or JPEG first"
            raise ImageError(f"{name}: {fault}") from error
        fault = f"damaged, cut short, or a kind of {kind} that is not supported"
        raise _fault(name, error, fault, f"{INTACT} or convert it to PNG") from error


def _fault(name: str, error: Exception, fault: str, advice: str) -> ImageError:
    if isinstance(error, OSError) and error.errno:
        fault, advice = "cannot be read", "name an image file that you may read"
    elif isinstance(error, Image.DecompressionBombError):
        fault, advice = "over the pixel limit", RAISE_LIMIT
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ImageError(f"{name}: {fault} ({' '.join(reason.split())}); {advice}")


def _register_heif(name: str) -> None:
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise ImageError(
            f"{name}: HEIC is read with the package pillow-heif; "
            "install it, or convert the file to JPEG first"
        ) from None
    if "HEIF" not in Image.OPEN:
        pillow_heif.register_heif_opener()


@contextmanager
def _pillow_limit(pixels: int) -> Iterator[None]:
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
