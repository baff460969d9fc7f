"""The different looks of one class, each the start of an image of its own.

Nguyen, Yosinski and Clune 2016, "Multifaceted Feature Visualization": a class of bell peppers in
baskets, halved, and of all colors has one image for each only if it is begun where they are.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor

from interp.network.classifier import Classifier
from interp.network.photographs import read_pixels
from styletransfer.errors import RequestError

# As in the paper: what k-means sees of the features, and how many images make a mean.
_DIMENSIONS = 50
_NEAREST = 15


def facets(
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


def mean_image(classifier: Classifier, paths: Sequence[Path]) -> Tensor:
    """The mean of image files, each resized and cropped: 1×3×size×size in 0..1.

    Raises ImageError for a file that cannot be read.
    """
    images = torch.stack([read_pixels(classifier, path, lambda note: None) for path in paths])
    return images.mean(0)
