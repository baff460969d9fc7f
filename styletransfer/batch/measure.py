"""How many pictures to stylize at once, found by trying."""

import time

import numpy as np
from numpy.typing import NDArray

from styletransfer.images import to_pixels
from styletransfer.inference import Stylizer

GAIN = 0.95  # a larger batch has to be faster by a twentieth
ROUNDS = 3


def best_batch(stylizer: Stylizer, side: int, most: int) -> int:
    """Return the batch size, a power of 2 up to `most`, that takes the least time for each picture.

    Doubles it for as long as that pays on pictures of `side` × `side`. A size that would change
    a byte of any result is not taken: results must not depend on which pictures were together.
    """
    generator = np.random.default_rng(0)
    count = len(stylizer.styles)
    weights = generator.dirichlet(np.ones(count), most).astype(np.float32)
    images = generator.random((most, 3, side, side), dtype=np.float32)
    best, least = 1, _seconds(stylizer, images[:1], weights[:1])
    while 2 * best <= most:
        size = 2 * best
        seconds = _seconds(stylizer, images[:size], weights[:size]) / size
        if seconds > GAIN * least or not _same_bytes(stylizer, images[:size], weights[:size]):
            break
        best, least = size, seconds
    return best


def _seconds(
    stylizer: Stylizer, images: NDArray[np.float32], weights: NDArray[np.float32]
) -> float:
    stylizer.stylize_tensor(images, weights)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        stylizer.stylize_tensor(images, weights)
        times.append(time.perf_counter() - start)
    return min(times)


def _same_bytes(
    stylizer: Stylizer, images: NDArray[np.float32], weights: NDArray[np.float32]
) -> bool:
    together = stylizer.stylize_tensor(images, weights)
    alone = (
        stylizer.stylize_tensor(images[i : i + 1], weights[i : i + 1]) for i in range(len(images))
    )
    return all(
        np.array_equal(to_pixels(a), to_pixels(b)) for a, b in zip(together, alone, strict=True)
    )
