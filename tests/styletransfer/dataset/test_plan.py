"""Names of outputs, and draws from hashes."""

from pathlib import PurePosixPath

import numpy as np
import pytest

from styletransfer.dataset.choice import draw, in_shard
from styletransfer.dataset.plan import output_name
from styletransfer.dataset.tree import suffix_of


@pytest.mark.parametrize(
    "path", ["a.png", "a/b.c/d", "a/.png", "a.tar.jpg", "a.", "x/a.b.", "..", "a/日本.JPG", ""]
)
def test_suffixes_are_those_of_pathlib(path: str) -> None:
    assert suffix_of(path) == PurePosixPath(path).suffix


@pytest.mark.parametrize(
    ("path", "format", "output"),
    [
        ("a/b.JPG", "same", "a/b.JPG"),
        ("a.b/c.gif", "same", "a.b/c.png"),
        ("a.b.jpeg", "webp", "a.b.webp"),
    ],
)
def test_output_names(path: str, format: str, output: str) -> None:
    assert output_name(path, format) == output


def test_draws_are_even_and_independent() -> None:
    paths = [f"class/{number}.png" for number in range(4000)]
    draws = np.array(
        [[draw(s, p, path) for s, p in ((0, "a"), (0, "b"), (1, "a"))] for path in paths]
    )
    assert draws.min() >= 0
    assert draws.max() < 1
    # Four standard deviations of a mean, and of a correlation, of even and independent numbers.
    assert np.abs(draws.mean(axis=0) - 0.5).max() < 4 * np.sqrt(1 / 12 / len(paths))
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 4 / np.sqrt(len(paths))


def test_shards_are_a_partition() -> None:
    for path in map(str, range(200)):
        assert sum(in_shard(path, (number, 7)) for number in range(1, 8)) == 1
