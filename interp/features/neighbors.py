"""Nearest neighbors in feature space, exact."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

from interp.features.extraction import extract, extract_pixels
from interp.figures import Cell, table
from interp.network.classifier import Classifier
from interp.network.photographs import Report, read_pixels
from interp.pictures import fitted
from styletransfer.errors import RequestError, WorkError
from styletransfer.images import Pixels, to_pixels

Array = npt.NDArray[np.floating]
Metric = Literal["l2", "cosine"]

# Queries at a time: the distances of a million images to this many fit in memory.
_CHUNK = 64
_TILE = 128  # side of an image in a figure, in pixels


def nearest(
    features: Array, queries: Array, count: int, metric: Metric = "l2"
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The `count` rows of `features` (N×D) nearest to each row of `queries` (Q×D).

    An image that is among `features` finds itself, at 0.

    Args:
        features: N×D.
        queries: Q×D.
        count: Number of neighbors, 1 to N.
        metric: `"l2"` is the Euclidean distance, `"cosine"` one minus the cosine, and 1 for a
            vector of zeros.

    Returns:
        Indices Q×count and distances Q×count, the nearest first. Of equal distances the lower
        index goes first.

    Raises:
        RequestError: A count that is not 1 to N.

    Reference: Krizhevsky, Sutskever and Hinton 2012, "ImageNet Classification with Deep
    Convolutional Neural Networks", section 6.1.
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


@dataclass(frozen=True)
class Neighbors:
    """The neighbors of Q queries among N images, in feature space and in pixel space.

    Attributes:
        indices, distances: Q×count, the nearest first; indices of `paths`.
        pixel_indices, pixel_distances: The same in pixel space.
        features: float32 N×D.
        paths, queries: The N and Q files that could be read.
        whole: Whether all files could be read.
    """

    indices: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]
    pixel_indices: npt.NDArray[np.int64]
    pixel_distances: npt.NDArray[np.float64]
    features: npt.NDArray[np.float32]
    paths: list[Path]
    queries: list[Path]
    whole: bool


def nearest_neighbors(
    classifier: Classifier,
    paths: Sequence[Path],
    queries: Sequence[Path] = (),
    layer: str | None = None,
    count: int = 8,
    metric: Metric = "l2",
    *,
    report: Report = warnings.warn,
    done: Callable[[int], object] = lambda count: None,
) -> Neighbors:
    """Find the images among `paths` that are nearest to each of `queries`.

    Args:
        classifier: Its features are compared.
        paths: Files of images.
        queries: Files of images; by default all of `paths`.
        layer: Layer of the features; by default the last hidden layer.
        count: Number of neighbors of each query, at most the number of images.
        metric: "l2" or "cosine".
        report: Called with a line for each file that cannot be read, which is left out.
        done: Called with the number of images that are ready; each is read twice.

    Raises:
        RequestError: An unknown layer.
        WorkError: No query, or no image to compare it with, can be read.
    """
    everything = list(dict.fromkeys([*paths, *queries]))
    known = extract(classifier, everything, layer, report=report, done=done)
    plain = extract_pixels(classifier, known.paths, report=report, done=done)
    place = {path: index for index, path in enumerate(known.paths)}
    base = [path for path in paths if path in place]
    wanted = [path for path in queries or base if path in place]
    if not base or not wanted:
        raise WorkError("no query or no image to compare it with can be read")
    rows, own = [place[path] for path in base], [place[path] for path in wanted]
    count = min(count, len(base))
    found, by_pixels = (
        nearest(space.values[rows], space.values[own], count, metric) for space in (known, plain)
    )
    whole = len(known.paths) == len(everything)
    return Neighbors(*found, *by_pixels, known.values[rows], base, wanted, whole)


def draw_neighbors(classifier: Classifier, found: Neighbors, *, shown: int) -> Figure:
    """Two strips for each of the first `shown` queries: its neighbors by features and by pixels."""

    def tile(path: Path) -> Pixels:
        return fitted(
            to_pixels(read_pixels(classifier, path, lambda note: None).cpu().numpy()), 128
        )

    rows: list[list[Cell]] = []
    for number, query in enumerate(found.queries[:shown]):
        for name, indices, distances in (
            ("features", found.indices[number], found.distances[number]),
            ("pixels", found.pixel_indices[number], found.pixel_distances[number]),
        ):
            near = zip(indices, distances, strict=True)
            cells = [(tile(found.paths[i]), f"{distance:.4g}") for i, distance in near]
            rows.append([(tile(query), name), *cells])
    return table(rows, title=f"Nearest images: {classifier.name}, with their distances")
