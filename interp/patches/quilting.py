"""Texture synthesis block by block (Efros and Freeman 2001)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interp.network.memory import check_memory
from interp.patches.search import BlockSearch, Demand
from interp.patches.texture import Texture, blank, check_sample
from styletransfer.errors import RequestError
from styletransfer.images import Pixels

BLOCK = 36
SMALLEST_BLOCK = 3
OVERLAP = 1 / 6  # of a block
TOLERANCE = 0.1  # the error may be so much greater than the least
COLORS = slice(0, 3)
_BYTES_PER_PIXEL = 60  # of the result
_BYTES_PER_SAMPLE_PIXEL = 400

Integers = npt.NDArray[np.int64]


def quilt(
    sample: Pixels,
    height: int,
    width: int,
    *,
    block: int = BLOCK,
    seed: int = 0,
    on_step: Callable[[Pixels], None] | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> Texture:
    """Sew a texture of `height` × `width` pixels of square blocks of `sample`.

    Row by row, each block overlaps those before it by a sixth of its side. It is drawn among the
    blocks whose error in the overlap is at most 1.1 times the least, and cut where it differs
    least from what lies there.

    Args:
        sample: uint8 H×W×3.
        height, width: Size of the texture in pixels.
        block: Side of the blocks, at least 3. It should be larger than the texture's features,
            and several times smaller than the sample.
        seed: Seed of all that is random. The result is the same on every machine.
        on_step: Called with the picture, uint8 H×W×3, what is unknown gray, after each block. It
            is the one that is worked on: copy what you keep.
        done: Called with 1 after each block, of `count_blocks`.

    Returns:
        The texture and where its pixels come from. After Ctrl-C, what is unknown stays gray.

    Raises:
        RequestError: A sample or a result smaller than the block, or not enough memory.

    Reference: Efros and Freeman 2001, "Image Quilting for Texture Synthesis and Transfer".
    """
    check_blocks(sample, height, width, block)
    random = np.random.default_rng(seed)
    canvas = Canvas.blank(height, width, block)
    try:
        search = BlockSearch(np.moveaxis(sample, 2, 0), block)

        def choose(top: int, left: int, shared: npt.NDArray[np.bool_]) -> tuple[int, int]:
            if not shared.any():
                row, column = random.integers(search.positions)
                return int(row), int(column)
            target = np.moveaxis(canvas.pixels[top : top + block, left : left + block], 2, 0)
            demand = Demand(COLORS, target, shared.astype(np.int64))
            return drawn(search.costs([demand]), random)

        lay_blocks(canvas, sample, block, choose, on_step=on_step, done=done)
    except KeyboardInterrupt:
        return canvas.texture(interrupted=True)
    return canvas.texture()


def count_blocks(height: int, width: int, block: int) -> int:
    """How many blocks `quilt` lays for such a texture."""
    return len(_starts(height, block)) * len(_starts(width, block))


def minimum_cut(errors: Integers) -> Integers:
    """The path from the first to the last row of H×W errors along which their sum is least.

    Returns its column in each row, H; from row to row it moves by at most one column. Of equal
    paths it is the leftmost, seen from below.
    """
    height, width = errors.shape
    sums = errors.copy()
    border = np.iinfo(sums.dtype).max
    above = np.full(width + 2, border, sums.dtype)
    for row in range(1, height):
        above[1:-1] = sums[row - 1]
        sums[row] += np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    path = np.empty(height, np.int64)
    path[-1] = sums[-1].argmin()
    for row in range(height - 2, -1, -1):
        first = max(0, path[row + 1] - 1)
        path[row] = first + sums[row, first : path[row + 1] + 2].argmin()
    return path


@dataclass
class Canvas:
    """What is worked on: whole blocks, so a little larger than the texture, `height` × `width`."""

    pixels: Pixels
    places: npt.NDArray[np.int32]
    height: int
    width: int

    @classmethod
    def blank(cls, height: int, width: int, *blocks: int) -> "Canvas":
        """One that nothing is known of, for blocks of these sides."""
        whole = (max(_starts(side, b)[-1] + b for b in blocks) for side in (height, width))
        return cls(*blank(*whole), height, width)

    def shown(self) -> Pixels:
        """The part that is the texture."""
        return self.pixels[: self.height, : self.width]

    def texture(self, *, interrupted: bool = False) -> Texture:
        """The texture as it is now."""
        places = self.places[: self.height, : self.width]
        return Texture(self.shown().copy(), places.copy(), interrupted)


def lay_blocks(
    canvas: Canvas,
    sample: Pixels,
    block: int,
    choose: Callable[[int, int, npt.NDArray[np.bool_]], tuple[int, int]],
    *,
    on_step: Callable[[Pixels], None] | None,
    done: Callable[[int], object],
) -> None:
    """Cover the canvas with blocks of the sample, each cut where it joins those before it.

    `choose` is given the row and column of a block's corner and, b×b, which of its pixels it
    shares with blocks before it. It returns row and column of the block's corner in the sample.
    """
    within = np.arange(block)
    overlap = overlap_of(block)
    for top in _starts(canvas.height, block):
        for left in _starts(canvas.width, block):
            above, beside = (within < (overlap if start else 0) for start in (top, left))
            row, column = choose(top, left, above[:, None] | beside)
            patch = sample[row : row + block, column : column + block]
            area = slice(top, top + block), slice(left, left + block)
            difference = patch.astype(np.int64) - canvas.pixels[area]
            errors = (difference**2).sum(axis=2)
            new = np.ones((block, block), bool)
            if left:
                new &= within >= minimum_cut(errors[:, :overlap])[:, None]
            if top:
                new &= within[:, None] >= minimum_cut(errors[:overlap].T)
            canvas.pixels[area][new] = patch[new]
            sources = np.stack(np.meshgrid(row + within, column + within, indexing="ij"), axis=2)
            canvas.places[area][new] = sources[new]
            done(1)
            if on_step is not None:
                on_step(canvas.shown())


def drawn(costs: Integers, random: np.random.Generator) -> tuple[int, int]:
    """Row and column of one of the costs that are at most 1.1 times the least."""
    near = np.flatnonzero(costs <= (1 + TOLERANCE) * costs.min())
    row, column = np.unravel_index(random.choice(near), costs.shape)
    return int(row), int(column)


def overlap_of(block: int) -> int:
    """How many pixels two neighboring blocks share in one direction."""
    return max(1, round(OVERLAP * block))


def check_blocks(sample: Pixels, height: int, width: int, block: int) -> None:
    """RequestError for what cannot be sewn of blocks, or does not fit in memory."""
    if block < SMALLEST_BLOCK:
        raise RequestError(f"a block of {block} is too small; give at least {SMALLEST_BLOCK}")
    check_sample(sample, block, "a block")
    if min(height, width) < block:
        raise RequestError(
            f"{width}×{height} pixels are less than one block of {block}×{block}; "
            "ask for a larger size, or give a smaller block"
        )
    rows, columns = sample.shape[:2]
    check_memory("a sample", rows, columns, per_pixel=_BYTES_PER_SAMPLE_PIXEL)
    fixed = _BYTES_PER_SAMPLE_PIXEL * rows * columns
    check_memory("a texture", height, width, per_pixel=_BYTES_PER_PIXEL, fixed=fixed)


def _starts(length: int, block: int) -> Sequence[int]:
    """Where blocks begin, so that they cover `length`."""
    step = block - overlap_of(block)
    return range(0, max(1, math.ceil((length - overlap_of(block)) / step)) * step, step)
