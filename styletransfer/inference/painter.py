"""What `styletransfer stylize` makes of one picture: whole or in tiles, its colors, its masks."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from styletransfer.errors import ModelError, RequestError
from styletransfer.images import DEFAULT_MAX_PIXELS, Picture, Pixels, read_size
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.color import preserve_colors
from styletransfer.inference.masks import Region, stylize_regions
from styletransfer.inference.stylizer import Stylizer
from styletransfer.inference.tiled.streams import can_stream, decoded, encode
from styletransfer.inference.tiled.tiling import ArrayRows, stylize_bands

AUTO, OFF = "auto", "off"
DEFAULT_MEMORY = 10**9
# What a process takes before it has seen a picture, and what the copies of one take beside the
# network, in bytes and bytes for a pixel.
BASE, COPIES = 150_000_000, 30
# A tile takes so many times what its pixels would in a whole picture: it is larger by what the
# kernels reach, and is copied to and from the file.
TILE = 1.6
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}

Advance = Callable[[float], object]


@dataclass(frozen=True)
class Tiles:
    """When a picture is stylized in tiles, and how high they are.

    A tile is a band of rows as wide as the picture. `rows` is its height, None for what `memory`,
    in bytes, has room for. With `auto`, tiles are used only where the whole would not fit it.
    """

    auto: bool = True
    rows: int | None = None
    memory: int = DEFAULT_MEMORY


class Painter:
    """Stylizes pictures one by one, all in the same way.

    Args:
        stylizer: the model.
        strength: of the style, 0..1.
        preserve_colors: take lightness alone from what is painted.
        regions, masks: styles for parts of a picture, as `masks.parse_masks` and
            `masks.read_masks` return them; then the style given for a picture is not used.
        tiles: None for whole pictures at any price.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        *,
        strength: float = 1.0,
        preserve_colors: bool = False,
        regions: Sequence[Region] = (),
        masks: Sequence[Pixels | None] = (),
        tiles: Tiles | None = None,
    ) -> None:
        self.stylizer = stylizer
        self.strength = strength
        self.preserve_colors = preserve_colors
        self.regions, self.masks = regions, masks
        self.tiles = tiles

    def __call__(
        self, picture: Picture, style: str, advance: Advance = lambda share: None
    ) -> Picture:
        """Return `picture`, stylized; `advance` is told what share of the work has been done."""
        if self.regions:
            painted = stylize_regions(self._whole_or_tiled, picture, self.regions, self.masks)
            advance(1.0)
        else:
            painted = self._whole_or_tiled(picture, style, advance)
        if self.preserve_colors:
            kept = preserve_colors(painted.rgb, picture.rgb)
            painted = replace(painted, rgb=kept)
        return painted

    def streams(self, source: Path, target: Path) -> bool:
        """Whether `stream` will do: it is large, and of a kind that need not fit in memory."""
        if self.regions or self.tiles is None or not source.is_file():
            return False
        width, height = read_size(source)
        return self._band(height, width, held=0) is not None and can_stream(source, target)

    def stream(
        self,
        source: Path,
        target: Path,
        style: str,
        advance: Advance,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        strip: bool = False,
    ) -> None:
        """Stylize the file `source` into `target`, neither of which is ever held in memory."""
        weights = parse_blend(style, self.stylizer.styles, self.strength)[np.newaxis]
        with decoded(source, max_pixels=max_pixels) as streamed:
            rows = streamed.rgb
            band = self._band(rows.height, rows.width, held=0)
            assert band is not None
            finish = (
                preserve_colors if self.preserve_colors else lambda stylized, photograph: stylized
            )
            stylize_bands(self.stylizer.segments, rows, weights, band, finish, advance)
            encode(target, streamed, strip=strip)

    def _whole_or_tiled(
        self, picture: Picture, style: str, advance: Advance = lambda share: None
    ) -> Picture:
        height, width = picture.rgb.shape[:2]
        band = self._band(height, width, held=8)
        if band is None:
            painted = self.stylizer(picture, style, self.strength)
            advance(1.0)
            return painted
        weights = parse_blend(style, self.stylizer.styles, self.strength)[np.newaxis]
        rows = ArrayRows(picture.rgb)
        stylize_bands(self.stylizer.segments, rows, weights, band, advance=advance)
        return replace(picture, rgb=rows.result)

    def _can_tile(self) -> bool:
        try:
            _ = self.stylizer.segments
        except ModelError:
            return False
        return True

    def _band(self, height: int, width: int, held: int) -> int | None:
        """The rows of a tile of such a picture, of which `held` bytes a pixel lie in memory.

        None for a picture that is to be stylized whole.
        """
        tiles, cost = self.tiles, self.stylizer.bytes_per_pixel
        if tiles is None:
            return None
        room = tiles.memory - BASE
        fits = cost is None or (cost + COPIES) * height * width <= room
        if tiles.auto and (fits or not self._can_tile()):
            return None
        if tiles.rows is not None:
            return tiles.rows
        for_a_row = TILE * width * ((cost or 0) + COPIES)
        rows = int((room - held * height * width) // max(for_a_row, 1))
        # Beside its own rows a tile holds those that the kernels reach.
        return max(rows - self.stylizer.receptive_field, self.stylizer.receptive_field)


def parse_tiles(tile: str, memory: str, receptive_field: int) -> tuple[Tiles | None, list[str]]:
    """The tiles that `--tile` and `--memory` ask for, and notes on what was changed.

    Raises RequestError for a text that is neither.
    """
    size = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)i?b?", memory.strip().lower())
    if size is None or float(size[1]) == 0:
        raise RequestError(f"memory {memory!r} is not a size; write it as 800MB or 1.5GB")
    budget = int(float(size[1]) * UNITS[size[2]])
    if tile == OFF:
        return None, []
    if tile == AUTO:
        return Tiles(memory=budget), []
    if not tile.isdecimal() or int(tile) == 0:
        raise RequestError(f"tile {tile!r} is not a number of rows; give one, or {AUTO}, or {OFF}")
    rows = max(int(tile), receptive_field)
    notes = []
    if rows > int(tile):
        notes.append(
            f"tiles of {tile} rows are smaller than the receptive field; {rows} rows are used"
        )
    return Tiles(auto=False, rows=rows, memory=budget), notes
