"""Feature space: neighbors as scikit-learn finds them, maps that keep neighbors together."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from interp.features.embedding import draw_grid, grid_places, pca, tsne
from interp.features.extraction import extract
from interp.features.neighbors import Metric, draw_neighbors, nearest, nearest_neighbors
from interp.figures import pixels_of
from interp.network.classifier import Classifier
from interp.network.photographs import read_pixels, shown
from interp.pictures import fitted
from styletransfer.errors import RequestError, WorkError


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return load_digits().data[:150].astype(np.float32)


@pytest.mark.parametrize(("metric", "name"), [("l2", "euclidean"), ("cosine", "cosine")])
def test_neighbors_are_those_of_brute_force(digits: np.ndarray, metric: Metric, name: str) -> None:
    noisy = digits + np.random.default_rng(0).random(digits.shape)  # no two distances are equal
    indices, distances = nearest(noisy, noisy, 9, metric)
    search = NearestNeighbors(n_neighbors=9, algorithm="brute", metric=name).fit(noisy)
    expected_distances, expected = search.kneighbors(noisy)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances, expected_distances, atol=1e-5)
    assert (indices[:, 0] == np.arange(150)).all()
    assert distances[:, 0].max() <= (0 if metric == "l2" else 1e-15)


def test_ties_and_zeros() -> None:
    features = np.array([[1.0, 0], [0, 1], [1, 0], [0, 0]])
    assert nearest(features, features[:1], 3)[0].tolist() == [[0, 2, 3]]
    indices, distances = nearest(features, features[3:], 4, "cosine")
    assert (indices.tolist(), distances.tolist()) == ([[0, 1, 2, 3]], [[1, 1, 1, 1]])
    with pytest.raises(RequestError, match="no 5 neighbors"):
        nearest(features, features, 5)


def test_each_query_has_a_strip_by_features_and_one_by_pixels(
    classifier: Classifier, folder: Path
) -> None:
    paths = sorted(folder.rglob("*.png"))
    found = nearest_neighbors(classifier, paths, paths[2:4], count=3)
    assert found.whole
    assert found.queries == paths[2:4]
    assert found.indices[:, 0].tolist() == found.pixel_indices[:, 0].tolist() == [2, 3]
    features = extract(classifier, paths).values
    expected = nearest(features, features[2:4], 3)
    assert np.array_equal(found.indices, expected[0])
    sheet = pixels_of(draw_neighbors(classifier, found, shown=1))
    tile = fitted(shown(read_pixels(classifier, paths[2])), 128)
    # The query and its nearest, which is itself, in both strips.
    top = next(y for y in range(60) if np.array_equal(sheet[y : y + 128, 8:136], tile))
    row = sheet[top : top + 128]
    assert sum(np.array_equal(row[:, x : x + 128], tile) for x in range(400)) == 2
    assert len(pixels_of(draw_neighbors(classifier, found, shown=2))) > 1.8 * len(sheet)


def test_pca_is_that_of_the_covariance(digits: np.ndarray) -> None:
    points = pca(digits)
    centered = digits - digits.mean(0)
    variances = np.linalg.eigvalsh(np.cov(centered.T))[::-1][:2]
    np.testing.assert_allclose(points.var(0, ddof=1), variances, rtol=1e-5)
    assert abs(np.corrcoef(points.T)[0, 1]) < 1e-9
    np.testing.assert_array_equal(points, pca(digits))


def test_tsne_keeps_neighbors_and_repeats(digits: np.ndarray) -> None:
    points = tsne(digits, seed=3)
    np.testing.assert_array_equal(points, tsne(digits, seed=3))
    assert trustworthiness(digits, points, n_neighbors=5) > 0.9
    assert trustworthiness(digits, pca(digits), n_neighbors=5) < 0.9


@pytest.mark.parametrize("count", [3, 5])
def test_few_images(digits: np.ndarray, count: int) -> None:
    assert tsne(digits[:count]).shape == pca(digits[:count]).shape == (count, 2)
    for method in (tsne, pca):
        with pytest.raises(RequestError, match="at least 3"):
            method(digits[:2])


def test_a_grid_gives_each_its_place() -> None:
    points = np.random.default_rng(0).random((30, 2))
    places = grid_places(points)
    assert len(np.unique(places, axis=0)) == 30
    assert places.min() == 0
    assert places.max(0).tolist() == [4, 5]


def test_points_on_a_grid_stay_there() -> None:
    rows, columns = (axis.ravel() for axis in np.mgrid[0:4, 0:4])
    order = np.random.default_rng(0).permutation(16)
    points = np.stack([columns * 3.0 + 7, -rows * 0.5], -1)[order]
    places = grid_places(points)
    np.testing.assert_array_equal(places, np.stack([rows, columns], -1)[order])
    tiles = [np.full((5, 5, 3), value, np.uint8) for value in order]
    sheet = draw_grid(places, tiles)
    assert sheet[3::6, 3::6, 0].ravel().tolist() == list(range(16))


def test_points_that_coincide() -> None:
    assert len(np.unique(grid_places(np.ones((7, 2))), axis=0)) == 7


@pytest.mark.parametrize("embedding", [pca, tsne])
@pytest.mark.parametrize(
    "features",
    [
        np.ones((10, 8)),
        np.full((5, 3), 1e30),
        np.zeros((4, 1)),
        np.float32(7) + np.zeros((6, 2), np.float32),
    ],
)
def test_features_that_are_all_the_same(embedding: object, features: np.ndarray) -> None:
    with pytest.raises(RequestError, match="have the same features, so they have no map"):
        embedding(features)  # type: ignore[operator]


@pytest.mark.parametrize("embedding", [pca, tsne])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("shape", [(12, 1), (3, 5), (40, 2)])
def test_odd_features_have_a_map(embedding: object, scale: float, shape: tuple[int, int]) -> None:
    features = scale * np.random.default_rng(0).random(shape).astype(np.float32)
    points = embedding(features)  # type: ignore[operator]
    assert points.shape == (len(features), 2)
    assert np.isfinite(points).all()
    assert points.any()


def test_duplicates_share_their_place() -> None:
    features = np.repeat(np.eye(3), 5, axis=0)
    points = pca(features)
    assert np.ptp(points.reshape(3, 5, 2), axis=1).max() < 1e-12
    assert np.isfinite(tsne(features)).all()


def test_features_that_are_not_finite() -> None:
    features = np.ones((4, 2))
    features[1, 1] = np.nan
    with pytest.raises(WorkError, match="not finite"):
        tsne(features)


def test_a_view_of_one_feature_is_its_value() -> None:
    points = pca(np.array([[1.0], [2.0], [6.0]]))
    np.testing.assert_allclose(points, [[-2, 0], [-1, 0], [3, 0]])
