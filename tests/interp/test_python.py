"""From Python in two lines: any kind of image, any module, and results that show themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

import interp
from interp import Classifier, saliency_map, show
from interp.network.photographs import as_batch, read_pixels
from styletransfer.errors import ImageError, RequestError, WorkError


@pytest.fixture
def photo(folder: Path) -> Path:
    return folder / "red" / "01.png"


def test_every_kind_of_image_is_the_same(classifier: Classifier, photo: Path) -> None:
    expected = read_pixels(classifier, photo)
    picture = Image.open(photo)
    for images in (photo, str(photo), picture, np.asarray(picture), expected, expected[0]):
        assert torch.equal(as_batch(classifier, images), expected)
    both = as_batch(classifier, [photo, picture.convert("RGBA")])
    assert torch.equal(both, torch.cat([expected, expected]))
    with pytest.raises(RequestError, match=r"an array is uint8 H×W×3, not float64 3×3×3"):
        as_batch(classifier, np.zeros((3, 3, 3)))
    with pytest.raises(ImageError, match=r"none\.png"):
        as_batch(classifier, photo.parent / "none.png")


def test_a_transparent_picture_lies_on_white(classifier: Classifier) -> None:
    clear = Image.new("RGBA", (30, 30), (9, 9, 9, 0))
    assert (as_batch(classifier, clear) == 1).all()


def test_techniques_take_files_names_and_bare_modules(classifier: Classifier, photo: Path) -> None:
    pixels = as_batch(classifier, photo)
    index = classifier.find_class("tabby")
    for technique in (interp.gradient, interp.occlusion, interp.grad_cam, interp.guided_backprop):
        found = technique(classifier, photo, "tabby")
        torch.testing.assert_close(found, technique(classifier, pixels, index))
        torch.testing.assert_close(found, technique(classifier, pixels, torch.tensor([index])))
    attacked = interp.pgd(classifier, photo, "tabby", 0.1)
    assert torch.equal(attacked, interp.pgd(classifier, pixels, torch.tensor([index]), 0.1))
    bare = interp.pgd(classifier.model, pixels, [index], 0.1)
    wrapped = interp.pgd(Classifier(classifier.model), pixels, [index], 0.1)
    assert torch.equal(bare, wrapped)
    dreamed = interp.deep_dream(
        classifier.model, photo, "second", interp.DreamSettings(octaves=1, steps=1)
    )
    assert dreamed.picture.shape[2:] == Image.open(photo).size[::-1]
    assert interp.invert(classifier, photo, "first", steps=1).picture.shape == pixels.shape


def test_a_class_for_each_image_by_name(classifier: Classifier, folder: Path) -> None:
    paths = sorted(folder.rglob("*.png"))[:2]
    found = saliency_map(classifier, paths, classes=["tabby", 0])
    assert found.classes.tolist() == [2, 0]
    assert found.captions[0].startswith("tabby ")
    assert found.names == [str(path) for path in paths]
    for number, (path, index) in enumerate(zip(paths, (2, 0), strict=True)):
        alone = interp.gradient(classifier, path, index).abs().amax(1)[0]
        np.testing.assert_array_equal(found.maps[number], alone)
    with pytest.raises(RequestError, match="give each one"):
        saliency_map(classifier, [*paths, paths[0]], classes=["tabby", 0])


def test_embed_takes_tensors_and_files(classifier: Classifier, folder: Path) -> None:
    paths = sorted(folder.rglob("*.png"))[:6]
    by_file = interp.embed(classifier, paths, method="pca", labels=["a", "b"] * 3)
    by_tensor = interp.embed(classifier, as_batch(classifier, paths), method="pca")
    np.testing.assert_allclose(np.abs(by_tensor.points), np.abs(by_file.points), atol=1e-5)
    assert by_file.labels == ["a", "b"] * 3
    assert isinstance(by_file.figure(), Figure)


def test_results_show_themselves(classifier: Classifier, photo: Path) -> None:
    pixels = as_batch(classifier, photo)
    maps = saliency_map(classifier, photo)
    tensor = show(torch.rand(2, 3, 8, 8))
    assert tensor.size == (2 * 8 + 3 * 2, 8 + 2 * 2)
    for result in (maps, maps.figure(), interp.attack_images(classifier, photo)):
        assert min(show(result).size) > 24
    assert show(pixels).size == (24, 24)
    np.testing.assert_array_equal(np.asarray(show(maps.photographs[0])), maps.photographs[0])
    dreamed = interp.deep_dream(classifier, photo, "second", interp.DreamSettings(1, 1.4, 1))
    assert show(dreamed).size == Image.open(photo).size


def test_a_map_of_a_bare_module() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    images = torch.rand(2, 3, 8, 8)
    found = saliency_map(model, images, "grad-cam", classes=1)
    np.testing.assert_allclose(np.stack(found.maps), interp.grad_cam(model, images, 1), atol=1e-6)


def test_nothing_to_read(classifier: Classifier, tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(WorkError, match="none of the images can be read"):
        saliency_map(classifier, [tmp_path / "none.png"], report=lines.append)
    assert lines[0].startswith("Error: ")
