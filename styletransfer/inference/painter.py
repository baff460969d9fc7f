"""Stylize one picture, whole or in tiles, with masks and preserved colors if asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from styletransfer.errors import ModelError
from styletransfer.images import DEFAULT_MAX_PIXELS, Picture, Pixels, read_size
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.color import preserve_colors
from styletransfer.inference.limits import (
    BASE,
    Tiles,
    reading_bytes,
    return_freed_memory,
    streaming_bytes,
    too_large,
)
from styletransfer.inference.masks import Region, stylize_regions
from styletransfer.inference.stylizer import Stylizer

# Code for large pictures is imported only when it is needed, so that small ones are quick.
if TYPE_CHECKING:
    from styletransfer.inference.tiled.grid import TileGrid

# Bytes per pixel of the copies of a picture while the network runs on the whole picture.
COPIES = 30
# Bytes per pixel of a picture in memory, its stylization, and the copies of the encoder.
HELD = 10

Size = tuple[int, int]  # height and width
Advance = Callable[[float], object]


class Painter:
    """Stylize pictures one after the other with the same options.

    Args:
        stylizer: The model.
        strength: Strength of the style in 0..1.
        preserve_colors: Whether to keep the colors of the photograph.
        regions: Styles for parts of the pictures, from `masks.parse_masks`. They replace the style
            given for a picture.
        masks: Masks of the regions, from `masks.read_masks`.
        tiles: Use of tiles; None stylizes every picture as a whole.
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
        """Return the stylized picture.

        Args:
            picture: The photograph.
            style: A style or a blend.
            advance: Called with the fraction of the work that was done since the last call.

        Raises:
            StyleError: The style cannot be used.
            MemoryLimitError: The picture needs more memory than `tiles` allow.
            ScratchError: There is too little space on disk for the tiles.
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
        """Refuse a file that needs too much memory, before it is read.

        Args:
            source: The file.
            target: The file to write; None for a stream.
            short_side: Short side in pixels to which the picture is scaled when it is read.

        Raises:
            MemoryLimitError: The file needs more memory than `tiles` allow.
            ImageError: The header of the file cannot be read.
        """
        if self.tiles is None or self.tiles.side is not None or not source.is_file():
            return
        width, height = read_size(source)
        scale = 1.0 if short_side is None else short_side / min(width, height)
        size = (max(round(height * scale), 1), max(round(width * scale), 1))
        grid, least = self._plan(size, HELD * size[0] * size[1])
        if grid is not None:
            self._release()
        least = max(least, BASE + self._beside + reading_bytes(source))
        if least > self.tiles.memory:
            if short_side is None and target is not None and self._may_stream(source, target):
                _, streamed = self._plan(size, streaming_bytes(height, width))
                least = min(least, streamed)
            raise too_large((height, width), least, self.tiles.memory)

    def streams(self, source: Path, target: Path) -> bool:
        """Tell whether `stream` is to be used: the file is large and of a suitable kind."""
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
        """Check that there is enough space on disk for the tiles of a picture.

        Args:
            size: Height and width of the picture in pixels.
            streamed: Whether `stream` is used.

        Returns:
            A line that says how much space is needed; None for a picture that is stylized whole.

        Raises:
            ScratchError: There is too little space.
            MemoryLimitError: The picture needs more memory than `tiles` allow.
        """
        if not streamed and self.grid(size) is None:
            return None
        from styletransfer.inference.tiled.scratch import check_room
        from styletransfer.inference.tiled.store import places

        network = self.stylizer.tiled
        _, stored = places(network, network.graph.layout(*size))
        # The picture has 4 bytes per pixel with its alpha, and its stylization 3.
        return check_room(stored + (7 * size[0] * size[1] if streamed else 0))

    def grid(self, size: Size) -> TileGrid | None:
        """Choose the tiles of a picture.

        Args:
            size: Height and width of the picture in pixels.

        Returns:
            The tiles; None for a picture that is stylized whole.

        Raises:
            MemoryLimitError: The picture needs more memory than `tiles` allow.
        """
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
    ) -> tuple[str, ...]:
        """Stylize a file without holding it or its stylization in memory.

        Args:
            source: The file to read.
            target: The file to write.
            style: A style or a blend.
            advance: Called with the fraction of the work that was done since the last call.
            max_pixels: Greatest number of pixels of the picture.
            strip: Whether to leave out EXIF, XMP and resolution.

        Returns:
            What the user should know about the file.

        Raises:
            ImageError: A file cannot be read or written.
            StyleError: The style cannot be used.
            MemoryLimitError: The picture needs more memory than `tiles` allow.
            ScratchError: There is too little space on disk.
            WorkError: ONNX Runtime fails.
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
            self._release()
            stylize_tiles(network, streamed.rgb, result, weights, grid, finish, advance)
            encode(target, replace(streamed, rgb=result), strip=strip)
            return streamed.notes

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
        self._release()
        stylize_tiles(self.stylizer.tiled, source, result, weights, grid, advance=advance)
        return replace(picture, rgb=result.rgb)

    def _grid(self, size: Size, held: int) -> TileGrid | None:
        """Choose the tiles as `grid` does, with `held` bytes in memory besides."""
        self.stylizer.check_size(*size)
        grid, least = self._plan(size, held)
        if self.tiles is not None and least > self.tiles.memory:
            raise too_large(size, least, self.tiles.memory)
        return grid

    def _plan(self, size: Size, held: int) -> tuple[TileGrid | None, int]:
        """Choose the tiles of a picture, and estimate the least number of bytes that it needs.

        `held` is the number of bytes in memory besides the tiles.
        """
        tiles, cost = self.tiles, self.stylizer.bytes_per_pixel
        if tiles is None:
            return None, 0
        if tiles.side is not None:
            from styletransfer.inference.tiled.grid import grid_of_side

            return grid_of_side(self.stylizer.tiled, size, tiles.side), 0
        if cost is None:  # the file does not contain its memory use
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

    def _release(self) -> None:
        """Release the memory of earlier pictures, of which a picture in tiles leaves no room."""
        return_freed_memory()
        self.stylizer.release()

    @property
    def _beside(self) -> int:
        """Number of bytes of the masks."""
        return sum(mask.nbytes for mask in self.masks if mask is not None)

    @property
    def _region_bytes(self) -> int:
        """Bytes per pixel of the regions: their weight maps, and a picture for each style."""
        if not self.regions:
            return 0
        return 3 * len({region.style for region in self.regions}) + 3 * (len(self.regions) + 1)
