"""A style for each region: masks from files, soft borders between them, and one picture of all.

A weight map is uint8 H×W, a share of each pixel in 1/255; the maps of one picture sum to exactly
255 at every pixel.
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

_FEATHER = 0.01  # standard deviation of the blur, as a share of the picture's short side
_NOTED_SHARE = 0.005  # of the picture in no mask
_ROUNDING = 2  # of 255: what resizing can take from masks that cover a pixel together


@dataclass(frozen=True)
class Region:
    """A style text and where it goes: a mask file, or None for all that no mask covers."""

    mask: Path | None
    style: str


def parse_masks(texts: Sequence[str], styles: Sequence[str]) -> list[Region]:
    """Turn texts such as `sky.png=starry_night` into regions.

    What comes before the last `=` is a file, or `rest`; what follows is a style or a blend of
    `styles`. Raises MaskError for a text without one or the other, a file that is missing and one
    that is given twice, StyleError for a style that cannot be used.
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
    """Make a region of every image in `folder`, each named after its style: `udnie.png`.

    Raises MaskError for a folder without images, StyleError for a file that no style is named
    as, ImageError for a folder that cannot be listed.
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
        regions: What `parse_masks` or `masks_in` returned.
        memory: Bytes that the process may take.

    Returns:
        A mask for each region, uint8 of its file's size and upright, white where the style goes;
        None for a region without one. Colors count by their luma, and what is transparent is no
        part of the region. Then notes about the files.

    Raises:
        ImageError: A mask cannot be read.
        MemoryLimitError: A mask takes more memory than there may be.
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
    """Paint each region of `picture` in its style, with soft borders.

    `stylize` paints a whole picture in a style text; it is called once for each style that shows
    somewhere. `masks` are those of `read_masks`, and are resized to the picture. What is in no
    region stays as it is; the notes, which are carried over as the alpha is, say how much that is.

    Raises:
        MaskError: A mask has another aspect than the picture.
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
        notes += (f"{100 * share:.0f} % is in no mask, and stays as it is",)
    return replace(picture, rgb=rgb, notes=notes)


def weight_maps(masks: Sequence[Pixels | None], height: int, width: int) -> list[Pixels]:
    """Return the weight map of every mask, and last that of what no mask covers.

    Where masks overlap they share. A mask that is None takes what the others leave, and the last
    map is then 0. The borders are blurred by a Gaussian with a standard deviation of 1 % of the
    short side.
    """
    # Blurring is linear and rounds alike, so it keeps the order of the running sums of the shares,
    # and their differences are the blurred shares: 0 or more, and summing to 255 with what is left.
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
    """Mix pictures, uint8 H×W×3 in sRGB, by their weight maps, pixel by pixel.

    Works in bands of rows, and so takes a few MB beside the result; all may be memory maps, and
    `out`, which takes the result, may be one of the pictures. Raises ValueError where the shapes
    do not fit or the weights do not sum to 255.
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
    # In Oklab, halfway between two colors lies the color that looks halfway. sRGB values give a
    # dark fringe between different hues. Linear light lets the brighter side swell over the border
    # and shows the first 1/255 of white over black as a step of 13 levels. Mixtures outside sRGB
    # are clipped: they lie near, and the greatest chroma at one hue leaps beside pure blue.
    planes = np.zeros((3, border.size), np.float32)
    for picture, weight in zip(pictures, weights, strict=True):
        share = np.divide(weight.take(border), 255, dtype=np.float32)
        if share.any():
            planes += share * np.stack(to_oklab(picture.reshape(-1, 3)[border]))
    lightness, a, b = planes
    mixed.reshape(-1, 3)[border] = from_oklab((lightness, a, b))
    return mixed


def _check_aspect(region: Region, mask: Pixels, height: int, width: int) -> None:
    """Refuse a mask that would be stretched by more than a pixel, of it or of the picture."""
    rows, columns = mask.shape
    if abs(columns * height - rows * width) > max(rows, columns, height, width):
        raise MaskError(
            f"{region.mask}: this mask has {columns}×{rows} pixels and the picture "
            f"{width}×{height}; give a mask with the same ratio of width to height"
        )


def _running_shares(masks: Sequence[Pixels], height: int, width: int) -> list[Pixels]:
    """What the first, the first two, … and all masks cover, of 255; overlaps are shared first."""
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
    """The luma of a picture, times its alpha: uint8 H×W."""
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
            raise MaskError(f"mask {mask}: no such file; name an image, white in the region")
        place = None if mask is None else mask.resolve()
        if place in seen:
            raise MaskError(f"mask {mask or REST} is given twice; give a mask one style")
        seen.add(place)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder above it that is closed to the user
        return False
