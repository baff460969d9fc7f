"""Features in two dimensions: PCA and t-SNE, and the points on a regular grid."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import nn

from interp.features.extraction import extract
from interp.figures import scatter, table
from interp.network.classifier import Classifier, as_classifier
from interp.network.photographs import Images, read_pixels, shown
from interp.pictures import grid, picture_map, resized
from styletransfer.errors import RequestError, WorkError
from styletransfer.images import Pixels

Array = npt.NDArray[np.floating]

_FEWEST = 3
_START = 1e-4  # standard deviation of the first coordinate where t-SNE starts
_TILE = 48  # side of an image in a figure, in pixels


@dataclass(frozen=True)
class Embedding:
    """N images in the plane.

    Attributes:
        points: Their places, N×2.
        features: float32 N×D.
        paths: The files, or the names of images that are no files.
        labels: Their classes, which may be empty.
        title: How the places were found.
    """

    points: npt.NDArray[np.float64]
    features: npt.NDArray[np.float32]
    paths: list[Path]
    labels: list[str]
    title: str

    def figure(self) -> Figure:
        """A scatter plot, colored by the classes."""
        names = [path.stem for path in self.paths]
        return scatter(self.points, self.labels, names, title=self.title)


def embed(
    model: nn.Module,
    images: Images,
    layer: str | None = None,
    *,
    method: Literal["tsne", "pca"] = "tsne",
    labels: Sequence[str] | None = None,
    perplexity: float = 30,
    seed: int = 0,
) -> Embedding:
    """Put images in the plane by their features.

    Args:
        model: A `Classifier`, or any module that takes images in 0..1.
        images: Files, PIL images, arrays uint8 H×W×3 or tensors in 0..1.
        layer: Layer of the features; by default the last hidden layer.
        method: "tsne" or "pca".
        labels: The class of each image, for the colors.
        perplexity, seed: As in `tsne`.

    Raises:
        RequestError: Fewer than 3 images, images with the same features, or an unknown layer.
    """
    known = extract(as_classifier(model), images, layer)
    if method == "pca":
        points, how = pca(known.values), "the two greatest variances"
    else:
        points = tsne(known.values, perplexity=perplexity, seed=seed)
        how = f"perplexity {perplexity:g}"
    title = f"{len(points)} images by {method}, {how}: {as_classifier(model).name}"
    kinds = [""] * len(points) if labels is None else list(labels)
    return Embedding(points, known.values, known.paths, kinds, title)


def pca(features: Array) -> npt.NDArray[np.float64]:
    """N×D features on their two directions of greatest variance: N×2.

    The sign of each direction is fixed, so it repeats exactly. A single feature has a second
    direction of zeros.

    Raises:
        RequestError: Fewer than 3 images, or images whose features are all the same.
        WorkError: Features that are not finite.
    """
    values, reach = _scaled(features)
    if values.shape[1] == 1:
        return reach * np.concatenate([values, np.zeros_like(values)], axis=1)
    coordinates: npt.NDArray[np.float64] = PCA(2, svd_solver="full").fit_transform(values)
    return reach * coordinates


def tsne(features: Array, *, perplexity: float = 30, seed: int = 0) -> npt.NDArray[np.float64]:
    """N×D features in the plane, near ones near: N×2.

    It starts from PCA, so that the large distances mean something too. The same seed gives the
    same bits.

    Args:
        features: N×D.
        perplexity: About the number of neighbors that count; at most a third of the images.
        seed: Seed of the random numbers.

    Raises:
        RequestError: Fewer than 3 images, or images whose features are all the same.
        WorkError: Features that are not finite.

    Reference: Van der Maaten and Hinton 2008, "Visualizing Data using t-SNE".
    """
    start = pca(features)
    # Not `init="pca"`, which crashes where scikit-learn rounds the spread of its start to zero.
    start = (_START * start / start[:, 0].std()).astype(np.float32)
    perplexity = min(perplexity, (len(features) - 1) / 3)
    model = TSNE(2, init=start, perplexity=perplexity, random_state=seed)
    return np.asarray(model.fit_transform(_scaled(features)[0]), np.float64)


def grid_places(points: Array) -> npt.NDArray[np.int64]:
    """A place of its own on a nearly square grid for each of N×2 points: N×2 (row, column).

    Of all assignments it is the one with the least sum of squared distances between points and
    places, both scaled to the unit square (Jonker and Volgenant 1987); y grows upwards, rows
    downwards.
    """
    columns = math.ceil(math.sqrt(len(points)))
    rows = math.ceil(len(points) / columns)
    places = np.stack(np.meshgrid(range(rows), range(columns), indexing="ij"), -1).reshape(-1, 2)
    spread = np.ptp(points, axis=0)
    across, up = ((points - points.min(0)) / np.where(spread > 0, spread, 1)).T
    wanted = np.stack([1 - up, across], -1)
    scale = np.maximum([rows - 1, columns - 1], 1)
    _, chosen = linear_sum_assignment(cdist(wanted, places / scale, "sqeuclidean"))
    assigned: npt.NDArray[np.int64] = places[chosen].astype(np.int64)
    return assigned


def draw_embedding(
    classifier: Classifier,
    paths: Sequence[Path],
    points: Array,
    labels: Sequence[str],
    view: str = "scatter",
    title: str = "",
) -> Figure:
    """Draw N image files at their points N×2.

    Args:
        classifier: How it crops the images is how they are drawn.
        paths: The files.
        points: Their places in the plane.
        labels: Their classes, for the colors of a scatter plot.
        view: "scatter" for points, "map" for the images at their points, "grid" for the images on
            a regular grid.
    """
    if view == "scatter":
        return scatter(points, labels, [path.stem for path in paths], title=title)
    read = (shown(read_pixels(classifier, path, lambda note: None)) for path in paths)
    tiles = [resized(pixels, _TILE, _TILE) for pixels in read]
    sheet = picture_map(points, tiles) if view == "map" else draw_grid(grid_places(points), tiles)
    return table([[(sheet, "")]], title=title)


def draw_grid(places: npt.NDArray[np.int64], tiles: Sequence[Pixels]) -> Pixels:
    """Tiles of one size at their N×2 places (row, column); places that none has stay white."""
    rows, columns = places.max(0) + 1
    sheet = [np.full_like(tiles[0], 255)] * int(rows * columns)
    for (row, column), tile in zip(places, tiles, strict=True):
        sheet[row * columns + column] = tile
    return grid(sheet, columns=int(columns))


def _scaled(features: Array) -> tuple[npt.NDArray[np.float64], float]:
    """The features about their mean, scaled to 1, and their scale; errors as `tsne` tells them.

    Neither method depends on the scale. Squares of very small or large numbers would be lost.
    """
    if len(features) < _FEWEST:
        raise RequestError(f"{len(features)} images have no map; give at least {_FEWEST}")
    if not np.isfinite(features).all():
        raise WorkError("the features are not finite; the weights of the model are broken")
    values = features.astype(np.float64)
    values -= values.mean(axis=0)
    reach = np.abs(values).max(initial=0.0)
    if reach <= np.finfo(np.float32).eps * np.abs(features).max(initial=0.0):
        raise RequestError(
            f"all {len(features)} images have the same features, so they have no map; give "
            "different images"
        )
    return values / reach, float(reach)
