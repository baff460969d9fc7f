"""The different looks of one class, each the start of an image of its own.

Nguyen, Yosinski and Clune 2016, "Multifaceted Feature Visualization": a class of bell peppers in
baskets, halved, and of all colors has one image for each only if it is begun where they are. It
stays there if its features are asked to: Goh et al. 2021, "Multimodal Neurons".
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor, nn

from interp.features.extraction import as_vectors
from interp.figures import table
from interp.network.classifier import Classifier
from interp.network.photographs import read_pixels, shown
from interp.network.taps import tapped
from interp.saliency.targets import Target
from styletransfer.errors import RequestError

# As in the paper: what k-means sees of the features, and how many images make a mean.
_DIMENSIONS = 50
_NEAREST = 15


def find_facets(
    features: npt.NDArray[np.floating], count: int, *, seed: int = 0
) -> list[npt.NDArray[np.int64]]:
    """Cluster N×D features of images of one class into `count` facets, the largest first.

    Each is the indices of its members nearest to its center, 15 at most, the nearest first: the
    mean of those images starts the facet's image. The features go to 50 dimensions by PCA, and to
    clusters by k-means (the paper has t-SNE between the two). RequestError for fewer images than
    facets, and for fewer different ones.
    """
    different = len(np.unique(features, axis=0))
    if not 0 < count <= different:
        raise RequestError(
            f"{different} different images make no {count} facets; give more images or ask for "
            "fewer facets"
        )
    values = features.astype(np.float64)
    dimensions = min(_DIMENSIONS, *values.shape)
    values = PCA(dimensions, svd_solver="full").fit_transform(values)
    model = KMeans(count, n_init=10, random_state=seed).fit(values)
    distances = np.linalg.norm(values - model.cluster_centers_[model.labels_], axis=1)
    order = np.argsort(distances, kind="stable")
    members = [order[model.labels_[order] == cluster] for cluster in range(count)]
    members.sort(key=len, reverse=True)
    return [indices[:_NEAREST] for indices in members]


def mean_images(
    classifier: Classifier, paths: Sequence[Path], members: Sequence[npt.NDArray[np.int64]]
) -> Tensor:
    """The mean of the files of each facet, resized and cropped: K×3×size×size in 0..1.

    Args:
        classifier: Decides on the size.
        paths: Files of images.
        members: Indices of `paths` for each of K facets.

    Raises:
        ImageError: A file cannot be read.
    """
    means = []
    for indices in members:
        images = [read_pixels(classifier, paths[i], lambda note: None) for i in indices]
        means.append(torch.cat(images).mean(0))
    return torch.stack(means)


def facet_directions(
    features: npt.NDArray[np.floating], members: Sequence[npt.NDArray[np.int64]]
) -> Tensor:
    """What tells each facet from the others: K×D of length 1, from the mean of all N×D features."""
    middle = features.mean(0)
    directions = np.stack([features[indices].mean(0) - middle for indices in members])
    return torch.nn.functional.normalize(torch.from_numpy(directions).float(), dim=1)


def facet_score(target: Target, layer: str, directions: Tensor) -> Target:
    """A target for K images: the given one, and as much again where an image has its direction.

    Args:
        target: Such as `class_score`.
        layer: Name of the layer whose features have the directions.
        directions: K×D of length 1, one for each image.
    """

    def faceted(model: nn.Module, images: Tensor) -> Tensor:
        with tapped(model, [layer]) as values:
            score = target(model, images)
            features = as_vectors(values[layer], layer)
        middle = features.detach().mean(0)
        wanted = directions.to(features)
        likeness = torch.nn.functional.cosine_similarity(features - middle, wanted, dim=1)
        return score + score.detach().abs() * likeness

    return faceted


def draw_facets(starts: Tensor, made: Tensor, members: Sequence[npt.NDArray[np.int64]]) -> Figure:
    """The K starts, and below each the image that was made of it."""
    captions = [f"the mean of {len(indices)} images" for indices in members]
    above = [(shown(start), caption) for start, caption in zip(starts, captions, strict=True)]
    rows = [above, [(shown(picture), "") for picture in made]]
    return table(rows, title="Starts, and the images made of them")
