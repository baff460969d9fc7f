"""What `styletransfer stylize` makes of one picture: whole or in tiles, its colors, its masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from styletransfer.errors import ModelError, RequestError
from styletransfer.images import DEFAULT_MAX_PIXELS, Picture, Pixels, read_size
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.color import preserve_colors
from styletransfer.inference.limits import (
    BASE,
    parse_bytes,
    reading_bytes,
    streaming_bytes,
    too_large,
)
from styletransfer.inference.masks import Region, stylize_regions
from styletransfer.inference.stylizer import Stylizer

# What only large pictures need is imported where it is needed: a small one waits for none of it.
if TYPE_CHECKING:
    from styletransfer.inference.tiled.grid import TileGrid

AUTO, OFF = "auto", "off"
DEFAULT_MEMORY = 10**9
# Bytes a pixel that the copies of a picture take beside the network that runs on the whole of it.
COPIES = 30
# Bytes a pixel of a picture in memory, of its stylization, and of what its encoder copies.
HELD = 10

Size = tuple[int, int]  # height and width
Advance = Callable[[float], object]


@dataclass(frozen=True)
class Tiles:
    """When a picture is stylized in tiles.

    Attributes:
        side: Side of a tile in pixels. None: a picture is stylized in tiles if it would not fit
            into `memory` as a whole, and the tiles are as large as fit.
        memory: Bytes that the process may take. Not used if there is a `side`.
    """

    side: int | None = None
    memory: int = DEFAULT_MEMORY


class Painter:
    """Stylizes pictures one by one, all in the same way.

    Args:
        stylizer: The model.
        strength: Strength of the style, in 0..1.
        preserve_colors: Paint only the lightness, and keep the photograph's colors.
        regions, masks: Styles for parts of a picture, as `masks.parse_masks` and
            `masks.read_masks` return them. The style given for a picture is then not used.
        tiles: None stylizes every picture as a whole, whatever memory it takes.
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
        """Return `picture`, stylized.

        Args:
            picture: The photograph.
            style: A name or a blend.
            advance: Is told which share of the work has been done since it was last called.

        Raises:
            StyleError: The style cannot be used.
            MemoryLimitError: The picture takes more memory than `tiles` allow.
            ScratchError: There is no room on disk for the tiles.
            WorkError: ONNX Runtime fails.
        """
        if self.regions:
            painted = stylize_regions(self._whole_or_tiled, picture, self.regions, self.masks)
            advance(1.0)
        else:
            painted = self._whole_or_tiled(picture, style, advance)
        if self.preserve_colors:
            kept = preserve_colors(painted.rgb, picture.rgb)
            painted = replace(painted, rgb=kept)
        return painted

    def check(self, source: Path, target: Path | None, short_side: int | None = None) -> None:
        """Refuse a file that takes more memory than there may be, before it is read.

        Args:
            source: The file.
            target: The file to write; None for a stream.
            short_side: What the picture's short side is scaled to when it is read, in pixels.

        Raises:
            MemoryLimitError: The file takes more memory than `tiles` allow.
            ImageError: Its header cannot be read.
        """
        if self.tiles is None or self.tiles.side is not None or not source.is_file():
            return
        width, height = read_size(source)
        scale = 1.0 if short_side is None else short_side / min(width, height)
        size = (max(round(height * scale), 1), max(round(width * scale), 1))
        _, least = self._plan(size, HELD * size[0] * size[1])
        least = max(least, BASE + self._beside + reading_bytes(source))
        if least > self.tiles.memory:
            if short_side is None and target is not None and self._may_stream(source, target):
                _, streamed = self._plan(size, streaming_bytes(height, width))
                least = min(least, streamed)
            raise too_large((height, width), least, self.tiles.memory)

    def streams(self, source: Path, target: Path) -> bool:
        """Whether `stream` will do: it is large, and of a kind that need not fit in memory."""
        if self.tiles is None or not source.is_file():
            return False
        width, height = read_size(source)
        grid, least = self._plan((height, width), streaming_bytes(height, width))
        fits = self.tiles.side is not None or least <= self.tiles.memory
        return grid is not None and fits and self._may_stream(source, target)

    def _may_stream(self, source: Path, target: Path) -> bool:
        from styletransfer.inference.tiled.streams import can_stream

        return not self.regions and can_stream(source, target)

    def check_disk(self, size: Size, *, streamed: bool = False) -> str | None:
        """Check that there is room on disk for the tiles of a picture of a height and a width.

        Returns:
            A line that says how much it takes; None for a picture that is painted whole.

        Raises:
            ScratchError: There is too little room.
            MemoryLimitError: It takes more memory than `tiles` allow.
        """
        if not streamed and self.grid(size) is None:
            return None
        from styletransfer.inference.tiled.scratch import check_room
        from styletransfer.inference.tiled.store import places

        network = self.stylizer.tiled
        _, stored = places(network, network.graph.layout(*size))
        # The picture has 4 bytes a pixel with its alpha, and its stylization 3.
        return check_room(stored + (7 * size[0] * size[1] if streamed else 0))

    def grid(self, size: Size) -> TileGrid | None:
        """The tiles of a picture, None for one that is painted whole; raises as `check_disk`."""
        return self._grid(size, HELD * size[0] * size[1])

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
        """Stylize the file `source` into `target`. Neither is ever held in memory.

        Raises:
            ImageError: A file cannot be read or written. Otherwise as calling the painter does.
        """
        from styletransfer.inference.tiled.scratch import scratch_file
        from styletransfer.inference.tiled.streams import FileRows, decoded, encode
        from styletransfer.inference.tiled.tiling import stylize_tiles

        weights = parse_blend(style, self.stylizer.styles, self.strength)[np.newaxis]
        width, height = read_size(source)
        grid = self._grid((height, width), streaming_bytes(height, width))
        assert grid is not None
        size = 3 * height * width
        with decoded(source, max_pixels=max_pixels) as streamed, scratch_file(size) as file:
            result = FileRows(file, height, width, 3)
            finish = preserve_colors if self.preserve_colors else None
            network = self.stylizer.tiled
            stylize_tiles(network, streamed.rgb, result, weights, grid, finish, advance)
            encode(target, replace(streamed, rgb=result), strip=strip)

    def _whole_or_tiled(
        self, picture: Picture, style: str, advance: Advance = lambda share: None
    ) -> Picture:
        height, width = picture.rgb.shape[:2]
        grid = self.grid((height, width))
        if grid is None:
            painted = self.stylizer(picture, style, self.strength)
            advance(1.0)
            return painted
        from styletransfer.inference.tiled.tiling import ArrayRows, stylize_tiles

        weights = parse_blend(style, self.stylizer.styles, self.strength)[np.newaxis]
        result = ArrayRows(np.empty_like(picture.rgb))
        source = ArrayRows(picture.rgb)
        stylize_tiles(self.stylizer.tiled, source, result, weights, grid, advance=advance)
        return replace(picture, rgb=result.rgb)

    def _grid(self, size: Size, held: int) -> TileGrid | None:
        """The tiles of a picture; None for one that is stylized as a whole.

        Raises:
            MemoryLimitError: It takes more memory than there may be.
        """
        self.stylizer.check_size(*size)
        grid, least = self._plan(size, held)
        if self.tiles is not None and least > self.tiles.memory:
            raise too_large(size, least, self.tiles.memory)
        return grid

    def _plan(self, size: Size, held: int) -> tuple[TileGrid | None, int]:
        """The tiles of a picture, None for the whole; and the bytes that it takes at the least.

        `held` is how many bytes lie in memory while its tiles are made.
        """
        tiles, cost = self.tiles, self.stylizer.bytes_per_pixel
        if tiles is None:
            return None, 0
        if tiles.side is not None:
            from styletransfer.inference.tiled.grid import grid_of_side

            return grid_of_side(self.stylizer.tiled, size, tiles.side), 0
        if cost is None:  # the file does not say what it takes
            return None, 0
        pixels = size[0] * size[1]
        more = self._region_bytes
        whole = BASE + self._beside + (cost + COPIES + more) * pixels
        if whole <= tiles.memory:
            return None, whole
        try:
            network = self.stylizer.tiled
        except ModelError:
            return None, whole
        from styletransfer.inference.tiled.grid import grid_within

        beside = BASE + self._beside + held + more * pixels
        grid, taken = grid_within(network, size, tiles.memory - beside)
        return grid, beside + taken

    @property
    def _beside(self) -> int:
        """Bytes of the masks."""
        return sum(mask.nbytes for mask in self.masks if mask is not None)

    @property
    def _region_bytes(self) -> int:
        """Bytes a pixel that regions take: the weights of each, and what each style paints."""
        if not self.regions:
            return 0
        return 3 * len({region.style for region in self.regions}) + 3 * (len(self.regions) + 1)


def parse_tiles(tile: str, memory: str, receptive_field: int) -> tuple[Tiles | None, list[str]]:
    """Return the tiles that `--tile` and `--memory` ask for, and notes on what was changed.

    Raises:
        RequestError: A text is not what it should be.
    """
    budget = parse_bytes(memory)
    if tile == OFF:
        return None, []
    if tile == AUTO:
        return Tiles(memory=budget), []
    if not tile.isdecimal() or int(tile) == 0:
        raise RequestError(
            f"tile {tile!r} is not a number of pixels; give one, or {AUTO}, or {OFF}"
        )
    side = max(int(tile), receptive_field)
    notes = []
    if side > int(tile):
        notes.append(
            f"tiles of {tile} pixels are smaller than the receptive field; {side} pixels are used"
        )
    return Tiles(side), notes
