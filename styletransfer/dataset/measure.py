"""The fastest number of pictures in a batch, found by trying."""

import time

import numpy as np
from numpy.typing import NDArray

from styletransfer.images import to_pixels
from styletransfer.inference import Stylizer

GAIN = 0.95  # a larger batch has to be faster by a twentieth
ROUNDS = 3  # the first of which also warms up

Inputs = tuple[NDArray[np.float32], NDArray[np.float32]]  # images and style weights


def best_batch(stylizer: Stylizer, side: int, most: int) -> int:
    """Return the batch size, a power of 2 up to `most`, that takes the least time for each picture.

    Doubles the size while that is faster for pictures of `side` × `side`. A size that changes a
    byte of a result is not taken: a result must not depend on the others of its batch.
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


def _noise(stylizer: Stylizer, count: int, side: int) -> Inputs:
    generator = np.random.default_rng(0)
    images = generator.random((count, 3, side, side), dtype=np.float32)
    return images, generator.dirichlet(np.ones(len(stylizer.styles)), count).astype(np.float32)


def _seconds(stylizer: Stylizer, batch: Inputs) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        stylizer.stylize_tensor(*batch)
        times.append(time.perf_counter() - start)
    return min(times)


def _same_bytes(stylizer: Stylizer, batch: Inputs) -> bool:
    together = stylizer.stylize_tensor(*batch)
    return all(
        np.array_equal(to_pixels(stylized), to_pixels(stylizer.stylize_tensor(image, row)))
        for stylized, image, row in zip(together, *(_each(part) for part in batch), strict=True)
    )


def _each(part: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [part[i : i + 1] for i in range(len(part))]
