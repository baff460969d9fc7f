"""Pictures larger than memory: decoded into a scratch file, and encoded from it, by libvips.

pyvips is an optional extra. It serves plain 8-bit PNG, TIFF and JPEG files; whatever takes more
than decoding (colour profiles, orientation, 16 bits) is left to `styletransfer.images`.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from styletransfer.atomic import written_whole
from styletransfer.images import ImageError, Pixels
from styletransfer.inference.tiled.scratch import scratch_file

LOADERS = ("pngload_source", "tiffload_source", "jpegload_source")
# The formats that can be written row by row, with what `write_image` asks of Pillow.
SAVERS = {
    ".png": ".png[compression=6]",
    ".tif": ".tif[bigtiff]",
    ".tiff": ".tif[bigtiff]",
    ".jpg": ".jpg[Q=95,subsample_mode=off]",
    ".jpeg": ".jpg[Q=95,subsample_mode=off]",
}
ROWS_AT_ONCE = 256


class FileRows:
    """The rows of a picture in a file, H×W×`bands` bytes; see `tiling.Rows`."""

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
    """A picture on disk: its colour, and its alpha (one byte a pixel) where it has one."""

    rgb: FileRows
    alpha: FileRows | None


def _opened(path: Path, **options: Any) -> Any:
    """Open the file `path` itself: by name, libvips takes a `]` at its end for options."""
    import pyvips

    source = pyvips.Source.new_from_file(str(path))
    return pyvips.Image.new_from_source(source, "", access="sequential", **options)


def can_stream(source: Path, target: Path) -> bool:
    """Whether `source` can be decoded, and `target` encoded, without holding either in memory."""
    try:
        image = _opened(source)
    except Exception:  # pyvips is missing, or can't read it: then `read_image` says why
        return False
    fields = image.get_fields()

    def field(name: str, default: Any) -> Any:
        return image.get(name) if name in fields else default

    loader = field("vips-loader", "")
    return (
        target.suffix.lower() in SAVERS
        and Path("/dev/fd").exists()
        and loader in LOADERS
        and image.format == "uchar"
        and image.interpretation in ("srgb", "b-w")
        and "icc-profile-data" not in fields
        and field("orientation", 1) == 1
        and field("n-pages", 1) == 1
        # TIFF may hold colours that are multiplied by their alpha.
        and image.bands in ((1, 3) if loader == "tiffload_source" else (1, 2, 3, 4))
    )


@contextmanager
def decoded(source: Path) -> Iterator[Streamed]:
    """Decode a file that `can_stream` into scratch files, which are gone afterwards.

    Raises ImageError for a damaged file, ScratchError where there is no room.
    """
    import pyvips

    with ExitStack() as stack:
        try:
            image = _opened(source, fail_on="error")
            height, width = image.height, image.width
            has_alpha = image.bands in (2, 4)

            def rows(bands: int) -> FileRows:
                file = stack.enter_context(scratch_file(height * width * bands))
                return FileRows(file, height, width, bands)

            streamed = Streamed(rows(3), rows(1) if has_alpha else None)
            region = pyvips.Region.new(image)
            for first in range(0, height, ROWS_AT_ONCE):
                count = min(ROWS_AT_ONCE, height - first)
                data = np.frombuffer(region.fetch(0, first, width, count), np.uint8)
                pixels = data.reshape(count, width, image.bands)
                colour = pixels[..., :1] if image.bands < 3 else pixels[..., :3]
                streamed.rgb.write(first, np.broadcast_to(colour, (count, width, 3)))
                if streamed.alpha is not None:
                    streamed.alpha.write(first, pixels[..., -1:])
        except pyvips.Error as error:
            reason = " ".join(error.detail.split()) or error.message
            raise ImageError(
                f"{source}: damaged or cut short ({reason}); replace it by an intact copy"
            ) from None
        yield streamed


def encode(target: Path, streamed: Streamed) -> None:
    """Write `streamed` in the format that the suffix of `target` names, one of `SAVERS`.

    JPEG gets the picture over white. The file appears under its name only when it is complete.
    Raises ImageError where it can't be written.
    """
    import pyvips

    def image(rows: FileRows) -> Any:
        name = f"/dev/fd/{rows.file.fileno()}"
        # libvips remembers what it has loaded by name, and this name has meant another file.
        return pyvips.Image.rawload(name, rows.width, rows.height, rows.bands, revalidate=True)

    whole = image(streamed.rgb).copy(interpretation="srgb")
    saver = SAVERS[target.suffix.lower()]
    if streamed.alpha is not None:
        whole = whole.bandjoin(image(streamed.alpha))
        if saver.startswith(".jpg"):
            whole = whole.flatten(background=255)
    try:
        with written_whole(target) as file:
            whole.write_to_target(pyvips.Target.new_to_descriptor(file.fileno()), saver)
    except (OSError, pyvips.Error) as error:
        reason = " ".join(str(error).split())
        raise ImageError(
            f"{target}: cannot be written ({reason}); choose another folder, size or format"
        ) from None
