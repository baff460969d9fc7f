"""Features of a folder: the layer's values, computed once for each content and model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from interp.features import extraction
from interp.features.extraction import extract, extract_pixels
from interp.network.classifier import Classifier
from interp.network.photographs import read_pixels
from interp.network.taps import activations
from styletransfer.errors import RequestError, WorkError


@pytest.fixture
def paths(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each pass through the model had."""
    calls: list[int] = []

    def counted(model: nn.Module, images: torch.Tensor, layers: list[str]) -> object:
        calls.append(len(images))
        return activations(model, images, layers)

    monkeypatch.setattr(extraction, "activations", counted)
    return calls


@pytest.mark.parametrize("layer", [None, "second", "head"])
def test_features_are_the_layers_values(
    classifier: Classifier, paths: list[Path], layer: str | None
) -> None:
    features = extract(classifier, paths, layer)
    name = layer or "head:input"
    for path, row in zip(paths, features.values, strict=True):
        values = activations(classifier, read_pixels(classifier, path), [name])[name][0]
        expected = values.mean((1, 2)) if values.ndim == 3 else values
        np.testing.assert_allclose(row, expected.numpy(), rtol=1e-5, atol=1e-6)
    assert features.paths == paths


def test_pixels_as_features(classifier: Classifier, paths: list[Path]) -> None:
    whole = Classifier(classifier.model, size=64)
    features = extract_pixels(whole, paths[:1]).values.reshape(3, 32, 32)
    pixels = read_pixels(whole, paths[0])[0].numpy()
    expected = pixels.reshape(3, 32, 2, 32, 2).mean((2, 4))
    np.testing.assert_allclose(features, expected, atol=1e-6)


def test_only_what_is_new_is_computed(
    classifier: Classifier, paths: list[Path], computed: list[int], cache: Path
) -> None:
    first = extract(classifier, paths[:5])
    ready: list[int] = []
    again = extract(classifier, paths, done=ready.append)
    assert computed == [5, 7]
    assert ready == [5, 7]
    np.testing.assert_array_equal(again.values[:5], first.values)
    paths[3].write_bytes(paths[9].read_bytes())  # the content counts, not the name
    changed = extract(classifier, paths)
    np.testing.assert_array_equal(changed.values[3], again.values[9])
    assert computed == [5, 7]
    extract(classifier, paths[:2], "second")
    with torch.no_grad():
        classifier.model.first.weight[0, 0, 0, 0] += 1
    extract(classifier, paths[:2])
    extract(Classifier(classifier.model, size=24, resize=24), paths[:2])
    assert computed == [5, 7, 2, 2, 2]
    for file in cache.iterdir():
        file.write_bytes(b"damaged")
    extract(classifier, paths[:1])
    assert computed[5:] == [1]


def test_what_is_done_survives_an_interrupt(
    classifier: Classifier, paths: list[Path], computed: list[int]
) -> None:
    def stop(count: int) -> None:
        if count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(classifier, paths * 2, done=stop)
    extract(classifier, paths)
    assert computed == [12]


def test_unreadable_files_are_told_and_left_out(classifier: Classifier, paths: list[Path]) -> None:
    paths[1].write_bytes(b"no image")
    missing = paths[0].with_name("none.png")
    said: list[str] = []
    features = extract(classifier, [*paths, missing], report=said.append)
    assert features.paths == [paths[0], *paths[2:]]
    assert features.values.shape == (11, 8)
    assert [line.split(":")[1].strip() for line in said] == [str(paths[1]), str(missing)]
    with pytest.raises(WorkError, match="none of the images"):
        extract(classifier, [missing], report=said.append)


def test_a_cache_that_cannot_be_written_is_no_failure(
    classifier: Classifier, paths: list[Path], cache: Path
) -> None:
    cache.parent.write_bytes(b"a file where the folder should be")
    said: list[str] = []
    assert len(extract(classifier, paths, report=said.append).values) == 12
    assert "not kept" in said[0]


def test_a_layer_that_gives_no_vectors(paths: list[Path]) -> None:
    model = nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Flatten(), nn.Linear(192, 2))
    with pytest.raises(RequestError, match="5 dimensions"):
        extract(Classifier(model, size=8), paths, "0")
