"""A photograph made of a texture (Efros and Freeman 2001)."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from interp.patches.quilting import (
    COLORS,
    SMALLEST_BLOCK,
    Canvas,
    check_blocks,
    count_blocks,
    drawn,
    lay_blocks,
)
from interp.patches.search import BlockSearch, Demand
from interp.patches.texture import Texture
from styletransfer.errors import RequestError
from styletransfer.images import Pixels

BLOCK = 18
PASSES = 3
_LUMINANCE = slice(3, 4)
_PARTS = 100  # α in whole parts, so that costs stay whole numbers
_COLORS = 3  # the one plane of luminance counts as much as three of color

Levels = npt.NDArray[np.uint8]  # H×W


def transfer_texture(
    sample: Pixels,
    photograph: Pixels,
    *,
    block: int = BLOCK,
    passes: int = PASSES,
    seed: int = 0,
    on_step: Callable[[Pixels], None] | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> Texture:
    """Sew the photograph of blocks of the sample that are as light and as dark as it is.

    As in `quilt`, but the error of a block is α times that in the overlap, and from the second
    pass on in the whole block against the pass before, plus 3·(1 − α) times that of its luminance
    against the photograph's. Each pass has blocks a third smaller than the one before. α goes from
    0.1 to 0.5; with the paper's 0.9 and one plane of luminance against three of color, little of
    the photograph is left.

    Args:
        sample: uint8 H×W×3.
        photograph: uint8 H×W×3. Only its luminance counts, brought to the sample's distribution.
        block: Side of the blocks of the first pass, in pixels.
        passes: Number of passes, at least 1.
        seed, on_step, done: As in `quilt`; `done` gets 1 for each of `count_transfer` blocks.

    Returns:
        The picture and where its pixels come from. After Ctrl-C, what is unknown stays gray, or as
        the pass before had it.

    Raises:
        RequestError: A sample or a photograph smaller than the block, blocks that become smaller
            than 3 pixels, or not enough memory.

    Reference: Efros and Freeman 2001, "Image Quilting for Texture Synthesis and Transfer".
    """
    height, width = photograph.shape[:2]
    sides = block_sides(block, passes)
    check_blocks(sample, height, width, block)
    random = np.random.default_rng(seed)
    canvas = Canvas.blank(height, width, *sides)
    try:
        light = luminance(sample)
        planes = np.concatenate([np.moveaxis(sample, 2, 0), light[None]])
        beyond = canvas.pixels.shape[0] - height, canvas.pixels.shape[1] - width
        wanted = matched(luminance(photograph), light)
        wanted = np.pad(wanted, [(0, more) for more in beyond], "edge")
        for number, side in enumerate(sides):
            alpha = round(_PARTS * (0.1 + 0.4 * number / max(1, passes - 1)))
            choose = _chooser(BlockSearch(planes, side), canvas, wanted, alpha, random)
            lay_blocks(canvas, sample, side, choose, on_step=on_step, done=done)
    except KeyboardInterrupt:
        return canvas.texture(interrupted=True)
    return canvas.texture()


def block_sides(block: int, passes: int) -> list[int]:
    """The sides of the blocks of each pass; RequestError if they become smaller than 3."""
    sides = [round(block * (2 / 3) ** number) for number in range(passes)]
    if not sides or sides[-1] < SMALLEST_BLOCK:
        raise RequestError(
            f"{passes} passes from a block of {block} end with less than {SMALLEST_BLOCK} pixels; "
            "give a larger block or fewer passes"
        )
    return sides


def count_transfer(height: int, width: int, block: int = BLOCK, passes: int = PASSES) -> int:
    """How many blocks `transfer_texture` lays in all its passes."""
    return sum(count_blocks(height, width, side) for side in block_sides(block, passes))


def luminance(pixels: Pixels) -> Levels:
    """The luma of Rec. 601, rounded: H×W."""
    levels: Levels = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return levels


def matched(values: Levels, reference: Levels) -> Levels:
    """The values, in their order, with the distribution of `reference`."""
    counts = np.bincount(values.ravel(), minlength=256)
    ranks = (np.cumsum(counts) - counts / 2) / values.size
    levels: Levels = np.rint(np.quantile(reference, ranks)).astype(np.uint8)
    return levels[values]


def _chooser(
    search: BlockSearch,
    canvas: Canvas,
    wanted: Levels,
    alpha: int,
    random: np.random.Generator,
) -> Callable[[int, int, npt.NDArray[np.bool_]], tuple[int, int]]:
    """Who chooses the blocks of a pass; `alpha` in parts of a hundred."""
    before, known = canvas.pixels.copy(), canvas.places[..., 0] >= 0
    block = search.block
    everywhere = np.ones((block, block), np.int64)

    def choose(top: int, left: int, shared: npt.NDArray[np.bool_]) -> tuple[int, int]:
        area = slice(top, top + block), slice(left, left + block)
        demands = [
            Demand(COLORS, np.moveaxis(canvas.pixels[area], 2, 0), alpha * shared),
            Demand(COLORS, np.moveaxis(before[area], 2, 0), alpha * known[area]),
            Demand(
                _LUMINANCE,
                wanted[None][(slice(None), *area)],
                _COLORS * (_PARTS - alpha) * everywhere,
            ),
        ]
        return drawn(search.costs(demands), random)

    return choose
