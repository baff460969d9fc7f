"""Paint regions of a picture in different styles, with masks and soft borders.

A weight map is uint8 H×W: the share of a region at each pixel, in 1/255. The weight maps of one
picture sum to exactly 255 at every pixel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from styletransfer.errors import MaskError, StyleError
from styletransfer.images import Picture, Pixels, find_images, read_image, read_size
from styletransfer.inference.blend import parse_blend, style_index
from styletransfer.inference.color import from_oklab, row_bands, to_oklab
from styletransfer.inference.limits import BASE, reading_bytes, too_large

REST = "rest"

_FEATHER = 0.01  # standard deviation of the blur, as a fraction of the short side
_NOTED_SHARE = 0.005  # fraction of the picture in no mask that a note mentions
_ROUNDING = 2  # of 255: possible rounding error of masks that together cover a pixel


@dataclass(frozen=True)
class Region:
    """A region of a picture and its style.

    Attributes:
        mask: File of the mask; None for the part that no mask covers.
        style: Style or blend.
    """

    mask: Path | None
    style: str


def parse_masks(texts: Sequence[str], styles: Sequence[str]) -> list[Region]:
    """Turn texts such as `sky.png=starry_night` into regions.

    Args:
        texts: A mask file or `rest`, `=`, and a style or a blend.
        styles: Names of the styles of the model.

    Raises:
        MaskError: A text is not FILE=STYLE, or a file is missing or given twice.
        StyleError: A style cannot be used.
    """
    regions = []
    for text in texts:
        mask, equals, style = (part.strip() for part in text.rpartition("="))
        if not (equals and mask and style):
            raise MaskError(f"mask {text!r} is not FILE=STYLE; write it as sky.png={styles[-1]}")
        parse_blend(style, styles)
        regions.append(Region(None if mask == REST else Path(mask), style))
    _check_files(regions)
    return regions


def masks_in(folder: Path, styles: Sequence[str]) -> list[Region]:
    """Make a region of every image in `folder`; its name, such as `udnie.png`, gives the style.

    Raises:
        MaskError: The folder has no images.
        StyleError: The name of a file is not a style.
        ImageError: The folder cannot be listed.
    """
    regions = [Region(path, path.stem) for path in find_images(folder)]
    if not regions:
        raise MaskError(f"{folder}: there is no mask in this folder; name one {styles[-1]}.png")
    for region in regions:
        try:
            style_index(region.style, styles)
        except StyleError as error:
            raise StyleError(f"{region.mask}: {error}") from None
    return regions


def read_masks(
    regions: Sequence[Region], memory: int | None = None
) -> tuple[list[Pixels | None], list[str]]:
    """Decode the mask of every region.

    Args:
        regions: The regions from `parse_masks` or `masks_in`.
        memory: Number of bytes that the process may use; None for no limit.

    Returns:
        The mask of each region, uint8 H×W, white in the region, or None for a region without a
        file; and notes about the files. Colors are converted to luma, and transparent pixels are
        not in the region.

    Raises:
        ImageError: A mask cannot be read.
        MemoryLimitError: The masks need more than `memory`.
    """
    masks: list[Pixels | None] = []
    notes = []
    for region in regions:
        if region.mask is None:
            masks.append(None)
            continue
        held = BASE + sum(mask.nbytes for mask in masks if mask is not None)
        if memory is not None and held + reading_bytes(region.mask) > memory:
            size = read_size(region.mask)[::-1]
            raise too_large(size, held + reading_bytes(region.mask), memory, region.mask)
        picture = read_image(region.mask)
        masks.append(_coverage(picture))
        notes += [f"{region.mask}: {note}" for note in picture.notes]
    return masks, notes


def stylize_regions(
    stylize: Callable[[Picture, str], Picture],
    picture: Picture,
    regions: Sequence[Region],
    masks: Sequence[Pixels | None],
) -> Picture:
    """Paint each region of a picture in its style, with soft borders.

    Args:
        stylize: Stylizes a whole picture in a style. It is called once for each visible style.
        picture: The photograph.
        regions: The regions.
        masks: Their masks from `read_masks`; they are resized to the picture.

    Returns:
        The painted picture. The part that is in no region does not change, and a note says how
        large it is.

    Raises:
        MaskError: The aspect of a mask is not that of the picture.
    """
    height, width = picture.rgb.shape[:2]
    for region, mask in zip(regions, masks, strict=True):
        if mask is not None:
            _check_aspect(region, mask, height, width)
    *weights, uncovered = weight_maps(masks, height, width)
    painted: dict[str, Pixels] = {}
    for region, weight in zip(regions, weights, strict=True):
        if region.style not in painted and weight.any():
            painted[region.style] = stylize(picture, region.style).rgb
    layers = [
        (painted[region.style], weight)
        for region, weight in zip(regions, weights, strict=True)
        if region.style in painted
    ]
    layers.append((picture.rgb, uncovered))
    rgb = compose([pixels for pixels, _ in layers], [weight for _, weight in layers])
    notes = picture.notes
    share = float(uncovered.mean()) / 255
    if share > _NOTED_SHARE:
        notes += (f"{100 * share:.0f} % of the picture is in no mask and does not change",)
    return replace(picture, rgb=rgb, notes=notes)


def weight_maps(masks: Sequence[Pixels | None], height: int, width: int) -> list[Pixels]:
    """Return the weight maps of masks, with blurred borders.

    Masks share the pixels where they overlap. The blur is Gaussian with a standard deviation of
    1 % of the short side.

    Args:
        masks: uint8 masks of any size; None stands for all that the others do not cover.
        height: Height of the maps in pixels.
        width: Width of the maps in pixels.

    Returns:
        The map of each mask, and then that of the pixels that no mask covers.
    """
    # The running sums of the shares are blurred. That keeps their order, so their differences are 0
    # or more, and with the rest they sum to exactly 255.
    given = [mask for mask in masks if mask is not None]
    deviation = min(height, width) * _FEATHER
    sums = [_feathered(plane, deviation) for plane in _running_shares(given, height, width)]
    left = 255 - sums[-1] if sums else np.full((height, width), 255, np.uint8)
    for above, below in zip(sums[:0:-1], sums[-2::-1], strict=True):
        above -= below
    covered = iter(sums)
    maps = [left if mask is None else next(covered) for mask in masks]
    has_rest = len(given) < len(masks)
    return [*maps, np.zeros(left.shape, np.uint8) if has_rest else left]


def compose(
    pictures: Sequence[Pixels], weights: Sequence[Pixels], out: Pixels | None = None
) -> Pixels:
    """Mix pictures pixel by pixel, in bands of rows.

    Args:
        pictures: uint8 H×W×3 in sRGB.
        weights: Weight map of each picture.
        out: Array for the result; it may be one of the pictures. None makes a new one.

    Raises:
        ValueError: The shapes differ, or the weights do not sum to 255.
    """
    height, width = pictures[0].shape[:2]
    if any(p.shape[:2] != w.shape for p, w in zip(pictures, weights, strict=True)):
        raise ValueError("every picture needs a weight map of its own size")
    result = np.empty(pictures[0].shape, np.uint8) if out is None else out
    for rows in row_bands(height, width):
        result[rows] = _mix([p[rows] for p in pictures], [w[rows] for w in weights])
    return result


def _mix(pictures: Sequence[Pixels], weights: Sequence[Pixels]) -> Pixels:
    if (np.sum(weights, axis=0, dtype=np.uint32) != 255).any():
        raise ValueError("the weights do not sum to 255 at every pixel")
    mixed = pictures[0].copy()
    for picture, weight in zip(pictures, weights, strict=True):
        np.copyto(mixed, picture, where=(weight == 255)[..., np.newaxis])
    border = np.flatnonzero(np.max(weights, axis=0) < 255)
    if not border.size:
        return mixed
    # Oklab, because the mean of two colors looks halfway between them. A mixture of sRGB values is
    # too dark between different hues. A mixture in linear light makes the brighter side grow, and
    # 1/255 of white on black is a step of 13 levels. Mixtures outside sRGB are just clipped: they
    # are close to it, and reducing their chroma would make steps near pure blue.
    planes = np.zeros((3, border.size), np.float32)
    for picture, weight in zip(pictures, weights, strict=True):
        share = np.divide(weight.take(border), 255, dtype=np.float32)
        if share.any():
            planes += share * np.stack(to_oklab(picture.reshape(-1, 3)[border]))
    lightness, a, b = planes
    mixed.reshape(-1, 3)[border] = from_oklab((lightness, a, b))
    return mixed


def _check_aspect(region: Region, mask: Pixels, height: int, width: int) -> None:
    """Refuse a mask whose aspect differs from that of the picture by more than a pixel."""
    rows, columns = mask.shape
    if abs(columns * height - rows * width) > max(rows, columns, height, width):
        raise MaskError(
            f"{region.mask}: the mask has {columns}×{rows} pixels and the picture "
            f"{width}×{height}; give a mask with the same ratio of width to height"
        )


def _running_shares(masks: Sequence[Pixels], height: int, width: int) -> list[Pixels]:
    """Return the shares of the first mask, of the first two, … and of all, in 1/255."""
    sums = [_resized(mask, height, width) for mask in masks]
    for rows in row_bands(height, width) if sums else ():
        running = np.cumsum([plane[rows] for plane in sums], axis=0, dtype=np.float32)
        total = running[-1]
        running *= 255 / np.where(total < 255 - _ROUNDING, 255, total)
        for plane, share in zip(sums, np.rint(running), strict=True):
            plane[rows] = share
    return sums


def _resized(mask: Pixels, height: int, width: int) -> Pixels:
    image = Image.fromarray(mask)
    return np.array(image.resize((width, height), Image.Resampling.BILINEAR))


def _feathered(mask: Pixels, deviation: float) -> Pixels:
    return np.array(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(deviation)))


def _coverage(picture: Picture) -> Pixels:
    """Return the luma of a picture times its alpha, uint8 H×W."""
    height, width = picture.rgb.shape[:2]
    coverage = np.empty((height, width), np.uint8)
    for rows in row_bands(height, width):
        luma = np.asarray(Image.fromarray(picture.rgb[rows]).convert("L"))
        if picture.alpha is not None:
            luma = np.rint(luma * (picture.alpha[rows] / 255))
        coverage[rows] = luma
    return coverage


def _check_files(regions: Sequence[Region]) -> None:
    seen: set[Path | None] = set()
    for mask in (region.mask for region in regions):
        if mask is not None and not _is_file(mask):
            raise MaskError(f"mask {mask}: no such file; name an image that is white in the region")
        place = None if mask is None else mask.resolve()
        if place in seen:
            raise MaskError(f"mask {mask or REST} is given twice; give each mask one style")
        seen.add(place)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that the user may not open
        return False
