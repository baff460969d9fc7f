"""Decode and encode: the only place that touches files of pixels. All come as 8-bit sRGB."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile

from styletransfer.atomic import written_whole

Pixels = npt.NDArray[np.uint8]
Tensor = npt.NDArray[np.float32]

DEFAULT_MAX_PIXELS = 200_000_000

# A short list, not all that Pillow opens: some of its readers run programs (EPS) or take any
# bytes for a picture (TGA). JPEG comes with MPO, what many phones write under the name .jpg.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM")
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
_ORIENTATION_TAG = 0x0112
_PHOTOMETRIC_TAG = 0x0106

_limit_lock = threading.Lock()


class ImageError(Exception):
    """One line that names the file and what to do."""


@dataclass(frozen=True)
class Picture:
    """One still picture: `rgb` is uint8 H×W×3 in sRGB and upright; `alpha` is uint8 H×W, or None
    where the file has no transparency; `notes` say what a user should know about the decoding."""

    rgb: Pixels
    alpha: Pixels | None
    notes: tuple[str, ...]


def read_image(
    path: str | os.PathLike[str],
    *,
    size: int | None = None,
    crop: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Picture:
    """Decode the first frame of an image file.

    `size`, at least 1, is the short side of the result in pixels; the aspect is kept, or with
    `crop` the middle square of that is taken, and no more of it is computed. Neither the
    picture in the file nor the resized one may have more than `max_pixels` pixels, and both are
    checked before anything is decoded. Raises ImageError for a file that is missing, no image,
    damaged, cut short or too large.
    """
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    path = Path(path)
    notes: list[str] = []
    with _faults_named(path), path.open("rb") as file:
        image = _identify(file, path, max_pixels)
        width, height = image.size
        _check_pixels(path, width * height, max_pixels, "shrink it or raise the limit")
        if size is not None:
            scale = size / min(width, height)
            width, height = round(width * scale), round(height * scale)
            if not crop:
                _check_pixels(path, width * height, max_pixels, "ask for a smaller size")
            image.draft(None, (size, size))  # JPEG only: decodes at 1/2, 1/4 or 1/8, never below
        notes += _frame_notes(image)
        sample_format = _sample_format(image)
        _load(image, max_pixels)
    colour, alpha = _split(image, sample_format, notes)
    rgb = _to_srgb(colour, image.info.get("icc_profile"), notes)
    if alpha is not None:
        rgb = rgb.copy()
        rgb.putalpha(alpha)  # Pillow premultiplies RGBA by itself when it resizes
    if size is not None and crop:
        rgb = _resized(rgb, (width, height), _middle(width, height, size))
    elif rgb.size != (width, height):
        rgb = _resized(rgb, (width, height), (0, 0, width, height))
    pixels = _upright(np.array(rgb), image, notes)
    return Picture(
        np.ascontiguousarray(pixels[..., :3]),
        None if alpha is None else np.ascontiguousarray(pixels[..., 3]),
        tuple(notes),
    )


def read_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height of an image file as stored, from its header alone; nothing is decoded.

    Raises ImageError for a file that is missing or no image.
    """
    path = Path(path)
    with _faults_named(path), path.open("rb") as file:
        width, height = _identify(file, path, DEFAULT_MAX_PIXELS).size
    return width, height


def write_image(path: str | os.PathLike[str], picture: Picture, *, quality: int = 95) -> None:
    """Encode `picture` in the format that the suffix of `path` names.

    `quality`, 1 to 100, is for JPEG and WebP. A format without alpha gets the picture over white.
    The file appears under its name only when it is complete; folders are not created. Raises
    ImageError for a suffix that is not supported and where the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise ImageError(f"{path}: cannot write this format; use {' '.join(WRITABLE)}")
    try:
        with written_whole(path) as file:
            encode_image(file, picture, path.suffix, quality=quality)
    except (OSError, ValueError) as error:
        fault = f"cannot be written ({_one_line(error)})"
        raise ImageError(f"{path}: {fault}; choose another folder, size or format") from error


def encode_image(file: IO[bytes], picture: Picture, suffix: str, *, quality: int = 95) -> None:
    """Write to an open file what `write_image` writes to one of that suffix.

    Raises OSError or ValueError where the format cannot hold the picture, or the file take it.
    """
    name = WRITABLE[suffix.lower()]
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        alpha = Image.fromarray(picture.alpha)
        if name in _WITHOUT_ALPHA:
            image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
        else:
            image.putalpha(alpha)
    image.save(file, name, quality=quality, subsampling="4:4:4")


def find_images(folder: str | os.PathLike[str]) -> list[Path]:
    """All files under `folder` with the suffix of a readable image format, sorted.

    Hidden files and folders are skipped. Links to folders are followed, but each real folder is
    visited once. Raises ImageError for a folder that is missing or cannot be listed.
    """

    def refuse(error: OSError) -> None:
        fault = f"cannot be listed ({error.strerror})"
        raise ImageError(f"{error.filename}: {fault}; name a folder you may read") from error

    formats = (*READABLE, "MPO")
    suffixes = {s for s, name in Image.registered_extensions().items() if name in formats}
    found: list[Path] = []
    visited = set()
    for parent, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        names = (name for name in files if name[0] != ".")
        found += (Path(parent, n) for n in names if Path(n).suffix.lower() in suffixes)
    return sorted(found)


def to_tensor(rgb: Pixels) -> Tensor:
    """uint8 H×W×3 to a contiguous float32 1×3×H×W in 0..1; ValueError for anything else."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"expected uint8 H×W×3, got {rgb.dtype} {rgb.shape}")
    planes = rgb.transpose(2, 0, 1)[None]
    return np.divide(planes, np.float32(255), dtype=np.float32, order="C")


def to_pixels(tensor: npt.NDArray[np.floating[Any]]) -> Pixels:
    """Floating 1×3×H×W or 3×H×W in 0..1 to a contiguous uint8 H×W×3.

    Rounds to nearest and clips. ValueError for another shape and for NaN.
    """
    planes = tensor[0] if tensor.ndim == 4 and len(tensor) == 1 else tensor
    if planes.ndim != 3 or planes.shape[0] != 3:
        raise ValueError(f"expected 1×3×H×W or 3×H×W, got {tensor.shape}")
    low, high = planes.min(), planes.max()
    if np.isnan(low):
        raise ValueError("the picture has NaN values")
    inside = low >= 0 and high <= 1
    pixels = np.empty((*planes.shape[1:], 3), np.uint8)
    for channel, plane in enumerate(planes):  # one by one, a plane stays in the cache
        levels = plane if inside else np.clip(plane, 0, 1)
        levels = np.multiply(levels, np.float32(255), dtype=np.float32)
        pixels[..., channel] = np.rint(levels, out=levels)
    return pixels


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    # Pillow's decoders answer damaged bytes with almost any exception there is.
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            fault, advice = "cannot be read", "name an image file that you may read"
        elif isinstance(error, Image.DecompressionBombError):
            fault, advice = "over the pixel limit", "shrink it or raise the limit"
        else:
            fault, advice = "damaged or cut short", "replace it by an intact copy"
        raise ImageError(f"{path}: {fault} ({_one_line(error)}); {advice}") from error


def _middle(width: int, height: int, side: int) -> tuple[int, int, int, int]:
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _resized(
    image: Image.Image, size: tuple[int, int], part: tuple[int, int, int, int]
) -> Image.Image:
    """Resize to `size`, of which `part` (left, top, right, bottom) alone is computed."""
    if image.size == size:
        return image.crop(part)
    across, down = image.width / size[0], image.height / size[1]
    box = (part[0] * across, part[1] * down, part[2] * across, part[3] * down)
    shape = (part[2] - part[0], part[3] - part[1])
    return image.resize(shape, Image.Resampling.LANCZOS, box=box)


def _one_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _identify(file: IO[bytes], path: Path, max_pixels: int) -> ImageFile.ImageFile:
    # Not Image.open: it refuses large pictures by a limit that is global to the process.
    start = file.read(16)
    if not start:
        raise ImageError(f"{path}: is empty; replace it by an intact copy")
    for register in (Image.preinit, Image.init):  # the common formats, then, slower, the rest
        register()
        for name in READABLE:
            factory, accept = Image.OPEN.get(name, (None, None))
            if factory and accept and accept(start) is True:
                file.seek(0)
                # Without a name: by a bare one Pillow would map a file of the current folder.
                try:
                    return factory(file, "")
                except Image.DecompressionBombError:  # some readers check the limit themselves
                    file.seek(0)
                    with _limit_lock, _pillow_limit(max_pixels):
                        return factory(file, "")
    raise ImageError(f"{path}: not an image that can be read; convert it to PNG or JPEG first")


def _load(image: ImageFile.ImageFile, max_pixels: int) -> None:
    """Decode; giant pictures one at a time, as Pillow's TIFF reader asks the global limit again."""
    with _limit_lock:
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            with _pillow_limit(max_pixels):
                image.load()
            return
    image.load()


@contextmanager
def _pillow_limit(pixels: int) -> Iterator[None]:
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_pixels(path: Path, pixels: int, most: int, advice: str) -> None:
    if pixels > most:
        raise ImageError(f"{path}: {pixels:,} pixels are over the limit of {most:,}; {advice}")


def _frame_notes(image: ImageFile.ImageFile) -> list[str]:
    frames = getattr(image, "n_frames", 1)
    pages = f"{frames} pictures in one file"
    kind = pages if image.format in ("TIFF", "MPO") else f"animated, {frames} frames"
    return [f"{kind}: only the first is used"] if frames > 1 else []


def _sample_format(image: ImageFile.ImageFile) -> str:
    """How samples lie in the file, such as "RGB;16B"; the mode alone does not tell their depth."""
    arguments = image.tile[0].args if image.tile else ""
    return str(arguments[0]) if isinstance(arguments, tuple) else str(arguments)


def _upright(pixels: Pixels, image: Image.Image, notes: list[str]) -> Pixels:
    """Undo the EXIF orientation: 5 to 8 are transposed, and each flips none, one or both axes."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # the parser of a block that any program may have written
        notes.append("unreadable EXIF data: the picture may not be upright")
        return pixels
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels


def _split(
    image: Image.Image, sample_format: str, notes: list[str]
) -> tuple[Image.Image, Image.Image | None]:
    """The colour in mode L, RGB, CMYK or LAB, and the alpha in mode L."""
    if image.mode in ("LA", "La"):
        image = image.convert("LA")
        return image.getchannel("L"), image.getchannel("A")
    if image.mode in ("RGBA", "RGBa", "PA") or (image.mode == "P" and image.has_transparency_data):
        image = image.convert("RGBA")
        return image.convert("RGB"), image.getchannel("A")
    if image.mode == "1":
        image = image.convert("L")
    alpha = _colour_key(image, sample_format)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _tones(image, sample_format, notes), alpha
    return image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB"), alpha


def _colour_key(image: Image.Image, sample_format: str) -> Image.Image | None:
    """The alpha of a PNG whose tRNS chunk names one colour, given at the depth of the file."""
    key = image.info.get("transparency")
    if key is None:
        return None
    scale = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}.get(sample_format, 1)
    different = np.asarray(image) != (np.array(key) * scale).astype(int)
    if different.ndim == 3:
        different = different.any(axis=2)
    return Image.fromarray(different.astype(np.uint8) * np.uint8(255))


def _tones(image: Image.Image, sample_format: str, notes: list[str]) -> Image.Image:
    """8-bit grey from integers of 12, 16 or 32 bits or from floats: the first scale that fits."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0, neginf=0)
    scales = (1, 255, 65535) if image.mode == "F" else (65535,)
    if sample_format == "I;12":
        scales = (4095,)
    low, high = float(values.min()), float(values.max())
    fitting = [scale for scale in scales if low >= 0 and high <= scale]
    black, white = (0.0, float(fitting[0])) if fitting else (low, high)
    if image.mode == "F" or not fitting:
        notes.append(f"tones {black:g}..{white:g} are scaled to 0..255")
    levels = np.rint((values - np.float32(black)) * np.float32(255 / ((white - black) or 1)))
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC_TAG) == 0:
        levels = 255 - levels  # TIFF with white as zero, which Pillow heeds up to 8 bits only
    return Image.fromarray(levels.astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    if profile:
        try:
            return _apply_profile(image, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.append("unusable colour profile ignored")
    if image.mode == "CMYK":
        notes.append("CMYK without a colour profile: colours are approximate")
    return image if image.mode == "RGB" else image.convert("RGB")


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
        image = image.convert("RGB")  # an RGB profile in a grey file is common
    # Without these lcms samples its curve for grey too coarsely: shadows come out 2 levels off.
    flags = ImageCms.Flags
    fine = flags.GRIDPOINTS(255) if image.mode == "L" else flags.HIGHRESPRECALC
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(source, srgb, image.mode, "RGB", flags=fine)
    return image.convert("RGB") if _is_identity(transform, image.mode) else transform.apply(image)


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether an sRGB profile, in any of its many editions, would only add rounding noise."""
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    probe = Image.fromarray(grid).convert(mode)
    before = np.asarray(probe.convert("RGB")).astype(int)
    return bool(np.abs(np.asarray(transform.apply(probe)) - before).max() <= 2)
