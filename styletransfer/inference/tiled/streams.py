"""Decode pictures larger than memory into a scratch file, and encode them from it, by libvips.

This needs the extra `large` (pyvips), and is only for plain 8-bit PNG, TIFF and JPEG files. Files
with color profiles, an orientation or 16 bits are left to `styletransfer.images`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from styletransfer.atomic import written_whole
from styletransfer.errors import ImageError
from styletransfer.images import (
    DEFAULT_MAX_PIXELS,
    Metadata,
    Pixels,
    read_header,
)
from styletransfer.images.identify import check_pixels
from styletransfer.images.jpeg import END_MISSING, ended
from styletransfer.images.metadata import NO_METADATA, for_pixels
from styletransfer.images.transparency import BLOCK, HiddenFill
from styletransfer.inference.tiled.scratch import scratch_file

LOADERS = ("pngload_source", "tiffload_source", "jpegload_source")
# Formats that can be written row by row, with the same settings as in `write_image`.
SAVERS = {
    ".png": ".png[compression=6]",
    ".tif": ".tif[bigtiff]",
    ".tiff": ".tif[bigtiff]",
    ".jpg": ".jpg[Q=95,subsample_mode=off]",
    ".jpeg": ".jpg[Q=95,subsample_mode=off]",
}
PIXELS_AT_ONCE = 2**20
INCH = 25.4  # millimeters


class FileRows:
    """The rows of a picture in a file of H×W×`bands` bytes; see `tiling.Rows`."""

    def __init__(self, file: IO[bytes], height: int, width: int, bands: int) -> None:
        self.file = file
        self.height, self.width, self.bands = height, width, bands

    def read(self, first: int, last: int) -> Pixels:
        rows = np.empty((last - first, self.width, self.bands), np.uint8)
        self.file.seek(first * self.width * self.bands)
        self.file.readinto(rows.data)  # type: ignore[attr-defined]
        return rows

    def write(self, first: int, rows: Pixels) -> None:
        self.file.seek(first * self.width * self.bands)
        self.file.write(np.ascontiguousarray(rows).data)


@dataclass(frozen=True)
class Streamed:
    """A picture on disk.

    Attributes:
        rgb: Its colors.
        alpha: Its alpha, one byte per pixel. None for a picture without transparency.
        metadata: EXIF, XMP and resolution of its file.
        notes: What the user should know about the file.
    """

    rgb: FileRows
    alpha: FileRows | None
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()


def can_stream(source: Path, target: Path) -> bool:
    """Tell whether `source` can be decoded, and `target` encoded, without holding it in memory."""
    try:
        image = _opened(source)
        plain = read_header(source).is_plain
    except Exception:  # pyvips is missing or cannot read it; `read_image` says why
        return False
    fields = image.get_fields()

    def field(name: str, default: Any) -> Any:
        return image.get(name) if name in fields else default

    loader = field("vips-loader", "")
    return (
        target.suffix.lower() in SAVERS
        and Path("/dev/fd").exists()
        and plain
        and loader in LOADERS
        and image.format == "uchar"
        and image.interpretation in ("srgb", "b-w")
        and field("orientation", 1) == 1  # a PNG file may have it after the pixels
        and field("n-pages", 1) == 1
        # The colors of a TIFF file may be multiplied by their alpha.
        and image.bands in ((1, 3) if loader == "tiffload_source" else (1, 2, 3, 4))
    )


@contextmanager
def decoded(source: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Iterator[Streamed]:
    """Decode a file that `can_stream` into scratch files, which are deleted at the end.

    As in `read_image`, transparent pixels get the colors of visible pixels nearby.

    Args:
        source: The file.
        max_pixels: Greatest number of pixels; it is checked before anything is decoded.

    Yields:
        The picture.

    Raises:
        ImageError: The file is damaged or over the limit.
        ScratchError: There is too little space on disk.
    """
    import pyvips

    header = read_header(source)
    check_pixels(str(source), header.width * header.height, max_pixels)
    with ExitStack() as stack:
        try:
            image = _opened(source, fail_on="error")
            height, width = image.height, image.width
            has_alpha = image.bands in (2, 4)

            def rows(bands: int) -> FileRows:
                file = stack.enter_context(scratch_file(height * width * bands))
                return FileRows(file, height, width, bands)

            streamed = Streamed(rows(3), rows(1) if has_alpha else None, header.metadata)
            filling = HiddenFill(height, width)
            try:
                _store(image, streamed, filling)
            except pyvips.Error:
                if image.get("vips-loader") != "jpegload_source":
                    raise
                # With an end marker, libvips warns only if pixels are missing.
                whole = pyvips.Source.new_from_memory(ended(source.read_bytes()))
                _store(_image(whole, fail_on="warning"), streamed, filling)
                streamed = replace(streamed, notes=(END_MISSING,))
        except pyvips.Error as error:
            reason = " ".join(error.detail.split()) or error.message
            raise ImageError(
                f"{source}: damaged or cut short ({reason}); replace it by an intact copy"
            ) from None
        if streamed.alpha is not None and filling.hides:
            for first, last in _bands(height, width):
                colors = streamed.rgb.read(first, last)
                filling.fill(first, colors, streamed.alpha.read(first, last)[..., 0])
                streamed.rgb.write(first, colors)
        yield streamed


def encode(target: Path, streamed: Streamed, *, strip: bool = False) -> None:
    """Encode a picture on disk. The file has its name only when it is complete.

    Args:
        target: The file, with one of the suffixes in `SAVERS`. JPEG shows the picture on white.
        streamed: The picture.
        strip: Whether to leave out EXIF, XMP and resolution. TIFF files never contain the EXIF.

    Raises:
        ImageError: The file cannot be written.
    """
    import pyvips

    def image(rows: FileRows) -> Any:
        name = f"/dev/fd/{rows.file.fileno()}"
        # libvips caches files by their names, and this name may have been that of another file.
        return pyvips.Image.rawload(name, rows.width, rows.height, rows.bands, revalidate=True)

    whole = image(streamed.rgb).copy(interpretation="srgb")
    saver = SAVERS[target.suffix.lower()]
    if streamed.alpha is not None:
        whole = whole.bandjoin(image(streamed.alpha))
        if saver.startswith(".jpg"):
            whole = whole.flatten(background=255)
    if not strip:
        whole = _told(whole, for_pixels(streamed.metadata, whole.width, whole.height))
    try:
        with written_whole(target) as file, ThreadPoolExecutor(1) as worker:
            output = pyvips.Target.new_to_descriptor(file.fileno())
            try:  # in another thread, because libvips ignores Ctrl-C while it writes
                worker.submit(whole.write_to_target, output, saver).result()
            except BaseException:
                whole.set_kill(True)
                raise
    except (OSError, pyvips.Error) as error:
        reason = " ".join(str(error).split())
        raise ImageError(
            f"{target}: cannot be written ({reason}); choose another folder, size or format"
        ) from None


def _opened(path: Path, **options: Any) -> Any:
    """Open a file by its path. From a name that ends in `]`, libvips would read options."""
    import pyvips

    return _image(pyvips.Source.new_from_file(str(path)), **options)


def _image(source: Any, **options: Any) -> Any:
    import pyvips

    return pyvips.Image.new_from_source(source, "", access="sequential", **options)


def _store(image: Any, streamed: Streamed, filling: HiddenFill) -> None:
    """Decode an image of libvips into scratch files, and give its bands to `filling`."""
    import pyvips

    region = pyvips.Region.new(image)
    for first, last in _bands(image.height, image.width):
        data = np.frombuffer(region.fetch(0, first, image.width, last - first), np.uint8)
        pixels = data.reshape(last - first, image.width, image.bands)
        colors = pixels[..., :1] if image.bands < 3 else pixels[..., :3]
        colors = np.broadcast_to(colors, (last - first, image.width, 3))
        streamed.rgb.write(first, colors)
        if streamed.alpha is not None:
            streamed.alpha.write(first, pixels[..., -1:])
            filling.add(first, colors, pixels[..., -1])


def _bands(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and the end of each band for `HiddenFill`."""
    rows = max(PIXELS_AT_ONCE // width // BLOCK, 1) * BLOCK
    for first in range(0, height, rows):
        yield first, min(first + rows, height)


def _told(image: Any, metadata: Metadata) -> Any:
    """Return a copy of an image of libvips with metadata."""
    import pyvips

    across, down = metadata.dpi or (0, 0)
    image = image.copy(xres=across / INCH, yres=down / INCH)
    for field, data in (("exif-data", metadata.exif), ("xmp-data", metadata.xmp)):
        if data:
            image.set_type(pyvips.GValue.blob_type, field, data)
    return image
