"""How many pictures to stylize at once, found by trying."""

import time

import numpy as np
from numpy.typing import NDArray

from styletransfer.images import to_pixels
from styletransfer.inference import Stylizer

GAIN = 0.95  # a larger batch has to be faster by a twentieth
ROUNDS = 3  # the first of which also warms up

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def best_batch(stylizer: Stylizer, side: int, most: int) -> int:
    """Return the batch size, a power of 2 up to `most`, that takes the least time for each picture.

    Doubles it for as long as that pays on pictures of `side` × `side`. A size that would change
    a byte of any result is not taken: results must not depend on which pictures were together.
    """
    if most < 2:
        return 1
    size, least = 1, _seconds(stylizer, _noise(stylizer, 1, side))
    while 2 * size <= most:
        batch = _noise(stylizer, 2 * size, side)
        seconds = _seconds(stylizer, batch) / (2 * size)
        if seconds > GAIN * least or not _same_bytes(stylizer, batch):
            break
        size, least = 2 * size, seconds
    return size


def _noise(stylizer: Stylizer, count: int, side: int) -> Batch:
    generator = np.random.default_rng(0)
    images = generator.random((count, 3, side, side), dtype=np.float32)
    return images, generator.dirichlet(np.ones(len(stylizer.styles)), count).astype(np.float32)


def _seconds(stylizer: Stylizer, batch: Batch) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        stylizer.stylize_tensor(*batch)
        times.append(time.perf_counter() - start)
    return min(times)


def _same_bytes(stylizer: Stylizer, batch: Batch) -> bool:
    together = stylizer.stylize_tensor(*batch)
    return all(
        np.array_equal(to_pixels(stylized), to_pixels(stylizer.stylize_tensor(image, row)))
        for stylized, image, row in zip(together, *(_each(part) for part in batch), strict=True)
    )


def _each(part: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [part[i : i + 1] for i in range(len(part))]
