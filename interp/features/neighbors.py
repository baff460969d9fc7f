"""Nearest neighbors in feature space, exact."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from interp.figures import Cell, table
from styletransfer.errors import RequestError
from styletransfer.images import Pixels

Array = npt.NDArray[np.floating]
Metric = Literal["l2", "cosine"]

# Queries at a time: the distances of a million images to this many fit in memory.
_CHUNK = 64


def nearest(
    features: Array, queries: Array, count: int, metric: Metric = "l2"
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The `count` rows of `features` (N×D) nearest to each row of `queries` (Q×D).

    Returns indices Q×count and distances Q×count, the nearest first; of equal distances the lower
    index goes first. `"l2"` is Euclidean, `"cosine"` one minus the cosine, 1 for a vector of
    zeros. An image that is among `features` finds itself, at 0. Krizhevsky, Sutskever and Hinton
    2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 6.1.
    """
    if not 1 <= count <= len(features):
        raise RequestError(f"there are {len(features)} images, so no {count} neighbors of one")
    indices = np.empty((len(queries), count), np.int64)
    distances = np.empty((len(queries), count))
    for start in range(0, len(queries), _CHUNK):
        rows = slice(start, start + _CHUNK)
        # Differences, not the expanded square, which leaves a query some way off itself.
        apart = cdist(queries[rows], features, "euclidean" if metric == "l2" else "cosine")
        apart = np.nan_to_num(apart, nan=1.0).clip(min=0)
        indices[rows] = np.argsort(apart, axis=1, kind="stable")[:, :count]
        distances[rows] = np.take_along_axis(apart, indices[rows], axis=1)
    return indices, distances


def draw_neighbors(rows: Sequence[tuple[str, Pixels, Sequence[tuple[Pixels, float]]]]) -> Pixels:
    """A strip for each row: what the space is called, the query, its neighbors and distances."""
    cells: list[list[Cell]] = [
        [(query, name), *((picture, f"{distance:.4g}") for picture, distance in found)]
        for name, query, found in rows
    ]
    return table(cells)
