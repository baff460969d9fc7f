"""Texture synthesis pixel by pixel (Efros and Leung 1999)."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from interp.network.memory import check_memory
from interp.patches.texture import Texture, blank, check_sample
from styletransfer.errors import RequestError
from styletransfer.images import Pixels

WINDOW = 11
SEED_SIDE = 3
TOLERANCE = 0.1  # the distance may be so much greater than the least
_SIGMA = 1 / 6.4  # of the Gaussian, in windows
_SCALE = 2**20
_AT_ONCE = 2**24  # numbers of a batch in memory: 128 MB
_BYTES_PER_PIXEL = 40  # of the result, while it grows

Integers = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Batch = tuple[Integers, Integers, Floats]  # rows, columns and a random number in [0, 1) of each


def grow_texture(
    sample: Pixels,
    height: int,
    width: int,
    *,
    window: int = WINDOW,
    seed: int = 0,
    on_step: Callable[[Pixels], None] | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> Texture:
    """Grow a texture of `height` × `width` pixels that looks like more of `sample`.

    It starts from 3×3 pixels of the sample in the middle and grows ring by ring. Within a ring the
    pixels whose windows are known best come first. Each becomes the middle of a window of the
    sample, drawn among those that differ from the known pixels around it by at most 1.1 times the
    least, in squares weighted by a Gaussian of σ = window / 6.4.

    Args:
        sample: uint8 H×W×3.
        height, width: Size of the texture in pixels.
        window: Side of the windows, odd. It should be a little larger than the texture's largest
            regular feature. Larger windows take longer and repeat more of the sample.
        seed: Seed of all that is random. The result is the same on every machine.
        on_step: Called after each of `count_rings` with the picture, uint8 H×W×3, what is unknown
            gray. It is the one that is worked on: copy what you keep.
        done: Called with the number of pixels that have been added.

    Returns:
        The texture and where its pixels come from. After Ctrl-C, what is unknown stays gray.

    Raises:
        RequestError: An even window, a sample smaller than it, a result smaller than 3×3, or not
            enough memory.

    Reference: Efros and Leung 1999, "Texture Synthesis by Non-parametric Sampling".
    """
    check_growth(sample, height, width, window)
    random = np.random.default_rng(seed)
    margin = window // 2
    padded, _ = blank(height + 2 * margin, width + 2 * margin)
    pixels = padded[margin : margin + height, margin : margin + width]
    _, places = blank(height, width)
    try:
        matches = _Matches(sample, window)
        top, left = _corner(height, width)
        start = [int(random.integers(side - SEED_SIDE + 1)) for side in sample.shape[:2]]
        box = np.mgrid[:SEED_SIDE, :SEED_SIDE].reshape(2, -1)
        known = np.zeros(padded.shape[:2], bool)

        def put(rows: Integers, columns: Integers, sources: Integers) -> None:
            pixels[rows, columns] = sample[sources[0], sources[1]]
            places[rows, columns] = sources.T
            known[rows + margin, columns + margin] = True
            done(len(rows))

        put(box[0] + top, box[1] + left, box + np.array(start)[:, None])
        around = partial(sliding_window_view, window_shape=(window, window), axis=(0, 1))
        for rows, columns in _rings(height, width):
            order = random.permutation(len(rows))
            windows = around(known)
            counts = np.array([windows[at].sum() for at in zip(rows, columns, strict=True)])
            order = order[np.argsort(-counts[order], kind="stable")]
            ring = rows[order], columns[order], random.random(len(rows))
            for rows, columns, draws in _batches(ring, window, matches.at_once):
                patches, masks = around(padded)[rows, columns], around(known)[rows, columns]
                put(rows, columns, matches.draw(patches, masks, draws))
            if on_step is not None:
                on_step(pixels)
    except KeyboardInterrupt:
        return Texture(pixels.copy(), places, interrupted=True)
    return Texture(pixels.copy(), places)


def count_rings(height: int, width: int) -> int:
    """How many rings `grow_texture` adds to its 3×3 pixels for such a texture."""
    return sum(1 for _ in _rings(height, width))


def check_growth(sample: Pixels, height: int, width: int, window: int) -> None:
    """RequestError for what cannot be grown, or does not fit in memory."""
    if window < 3 or window % 2 == 0:
        raise RequestError(
            f"a window of {window} pixels has no middle one with others around it; "
            f"give an odd one of at least 3, such as {max(window, 2) + 1}"
        )
    check_sample(sample, window, "a window")
    if min(height, width) < SEED_SIDE:
        raise RequestError(
            f"{width}×{height} pixels are less than the {SEED_SIDE}×{SEED_SIDE} that a texture "
            "grows from; ask for a larger size"
        )
    per_window = 8 * 5 * window**2  # four numbers a pixel, and one while they are laid out
    check_memory(
        f"with a window of {window}, a sample",
        *sample.shape[:2],
        per_pixel=per_window,
        fixed=10 * _AT_ONCE,
    )
    windows = (sample.shape[0] - window + 1) * (sample.shape[1] - window + 1)
    check_memory(
        "a texture",
        height,
        width,
        per_pixel=_BYTES_PER_PIXEL,
        fixed=10 * _AT_ONCE + windows * per_window,
    )


def gaussian(window: int) -> Floats:
    """The weights of a window, window×window, whole numbers: the middle one is 2²⁰.

    With whole numbers every distance is one too, below 2⁵³ for windows of up to 300 pixels, and
    so exact in float64 however its terms are summed.
    """
    offsets = np.arange(window) - window // 2
    bell = np.exp(-(offsets**2) / (2 * (window * _SIGMA) ** 2))
    weights: Floats = np.rint(_SCALE * np.outer(bell, bell))
    return weights


class _Matches:
    """All windows of the sample, as one matrix; a product with it gives all distances."""

    def __init__(self, sample: Pixels, window: int) -> None:
        views = sliding_window_view(sample, (window, window), axis=(0, 1))
        self.across = views.shape[1]
        self.margin = window // 2
        self.weights = gaussian(window).ravel()
        area = window * window
        # Σ w (s − p)² = Σ (w s² − 2 s (w p)) + Σ w p²; the columns are −2 s of R, G and B, and s².
        self.windows = np.empty((views.shape[0] * views.shape[1], 4 * area))
        self.windows[:, : 3 * area] = views.reshape(-1, 3 * area)
        squares = (sample.astype(np.float64) ** 2).sum(axis=2)
        self.windows[:, 3 * area :] = sliding_window_view(squares, (window, window)).reshape(
            -1, area
        )
        self.windows[:, : 3 * area] *= -2
        self.at_once = max(1, _AT_ONCE // (len(self.windows) + 13 * area))

    def draw(self, patches: Pixels, masks: npt.NDArray[np.bool_], draws: Floats) -> Integers:
        """Rows and columns, 2×N, of the sample's pixels for N places.

        Args:
            patches: N×3×window×window around the places.
            masks: N×window×window, which of it is known.
            draws: N numbers in [0, 1) that choose among the windows that are near enough.
        """
        count = len(patches)
        values = patches.reshape(count, 3, -1).astype(np.float64)
        weights = masks.reshape(count, -1) * self.weights
        weighted = weights[:, None] * values
        factors = np.concatenate([weighted.reshape(count, -1), weights], axis=1)
        distances = factors @ self.windows.T
        distances += (weighted * values).sum(axis=(1, 2))[:, None]
        near = distances <= (1 + TOLERANCE) * distances.min(axis=1, keepdims=True)
        chosen = np.empty(count, np.intp)
        for index, (row, draw) in enumerate(zip(near, draws, strict=True)):
            candidates = np.flatnonzero(row)
            chosen[index] = candidates[int(draw * len(candidates))]
        return np.stack(np.divmod(chosen, self.across)) + self.margin


def _corner(height: int, width: int) -> tuple[int, int]:
    """Row and column where the 3×3 pixels in the middle begin."""
    return (height - SEED_SIDE) // 2, (width - SEED_SIDE) // 2


def _rings(height: int, width: int) -> Iterator[tuple[Integers, Integers]]:
    """Rows and columns of the pixels around the 3×3 in the middle, ring by ring.

    Each ring is all that has a known pixel beside it, also diagonally, once those within are known.
    """
    row, column = (side + SEED_SIDE // 2 for side in _corner(height, width))
    for reach in range(2, max(row, column, height - 1 - row, width - 1 - column) + 1):
        side = np.arange(-reach, reach + 1)
        inner, ends = side[1:-1], np.full(2 * reach - 1, reach)
        down = np.concatenate([np.full_like(side, -reach), np.full_like(side, reach), inner, inner])
        right = np.concatenate([side, side, -ends, ends])
        rows, columns = row + down, column + right
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        yield rows[inside], columns[inside]


def _batches(ring: Batch, window: int, at_once: int) -> Iterator[Batch]:
    """The pixels of a ring in batches, at most `at_once` in each.

    The result is the same as one by one in the ring's order: whatever of the ring lies within a
    pixel's window and comes before it in that order is in an earlier batch, and what comes after
    it in a later one.
    """
    rows, columns, _ = ring
    margin = window // 2
    top, left = rows.min(), columns.min()
    turns = np.zeros((np.ptp(rows) + window, np.ptp(columns) + window), np.int32)
    for row, column in zip((rows - top).tolist(), (columns - left).tolist(), strict=True):
        before = turns[row : row + window, column : column + window].max()
        turns[row + margin, column + margin] = before + 1
    turn = turns[rows - top + margin, columns - left + margin]
    for number in range(1, turn.max() + 1):
        members = np.flatnonzero(turn == number)
        for start in range(0, len(members), at_once):
            batch = members[start : start + at_once]
            yield rows[batch], columns[batch], ring[2][batch]
