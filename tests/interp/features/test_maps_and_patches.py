"""Filters, activation maps and top patches against brute force."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from interp.features import patches as patches_module
from interp.features.filters import draw_filters, first_convolution, read_filters
from interp.features.maps import (
    activation_maps,
    draw_activation_maps,
    strongest_channels,
)
from interp.features.patches import draw_patches, top_patches
from interp.figures import pixels_of
from interp.network.classifier import Classifier
from interp.network.photographs import read_batches, read_pixels
from interp.network.receptive_field import receptive_fields
from interp.network.taps import activations
from styletransfer.errors import RequestError, WorkError


def test_filters_are_the_scaled_weights(classifier: Classifier) -> None:
    assert first_convolution(classifier) == "first"
    weights = read_filters(classifier)
    assert torch.equal(weights, classifier.model.first.weight)
    sheet = pixels_of(draw_filters(weights, side=9))
    # Eight filters in rows of four, 8 pixels apart, each with its number below.
    step = (len(sheet) - 8) // 2
    for index, weight in enumerate(weights.numpy()):
        top, left = 8 + index // 4 * step, 8 + index % 4 * 17
        low, high = weight.min(), weight.max()
        expected = ((weight - low) / (high - low) * 255).transpose(1, 2, 0)
        tile = sheet[top : top + 9 : 3, left : left + 9 : 3]
        np.testing.assert_allclose(tile, expected, atol=0.51)


def test_a_layer_without_filters(classifier: Classifier) -> None:
    with pytest.raises(RequestError, match="second is no convolution that takes RGB; first is"):
        read_filters(classifier, "second")
    with pytest.raises(RequestError, match="no convolution that takes RGB or gray"):
        read_filters(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)))


def test_maps_are_the_layers_values(classifier: Classifier) -> None:
    image = torch.rand(1, 3, 24, 24)
    maps = activation_maps(classifier, image, "second")
    torch.testing.assert_close(maps, activations(classifier, image, ["second"])["second"][0])
    strengths = [float(np.abs(channel).mean()) for channel in maps.numpy()]
    order = strongest_channels(maps)
    assert order == sorted(range(8), key=lambda channel: -strengths[channel])
    photograph = np.zeros((24, 24, 3), np.uint8)
    sheet = pixels_of(draw_activation_maps(photograph, maps, order[:1], columns=2, side=24))
    scaled = maps[order[0]].numpy()
    scaled = (scaled - scaled.min()) / np.ptp(scaled) * 255
    np.testing.assert_allclose(sheet[8:32:2, 40:64:2, 0], scaled, atol=0.51)
    with pytest.raises(RequestError, match="gives 5, no maps"):
        activation_maps(classifier, image, "head")


@pytest.mark.parametrize("layer", ["second", "head"])
@pytest.mark.parametrize("batch", [2, 16])
def test_patches_equal_brute_force(
    classifier: Classifier,
    folder: Path,
    layer: str,
    batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def small(*words: object) -> object:
        return read_batches(*words, batch=batch)  # type: ignore[arg-type]

    monkeypatch.setattr(patches_module, "read_batches", small)
    paths = sorted(folder.rglob("*.png"))
    channels = [4, 0, 2]
    found = top_patches(classifier, paths, layer, channels, 5)
    boxes = receptive_fields(classifier, [layer], 24)[layer].boxes
    for k, channel in enumerate(channels):
        best = []
        for index, path in enumerate(paths):
            values = activations(classifier, read_pixels(classifier, path), [layer])[layer][0]
            plane = values[channel].reshape(boxes.shape[:2]).numpy()
            place = np.unravel_index(plane.argmax(), plane.shape)
            best.append((-float(plane[place]), index, boxes[place].tolist()))
        for rank, (value, index, box) in enumerate(sorted(best)[:5]):
            assert found.values[k, rank] == pytest.approx(-value, rel=1e-5)
            assert found.images[k, rank] == index
            assert found.boxes[k, rank].tolist() == box
    assert found.seen == 12
    sheet = pixels_of(draw_patches(classifier, paths, found, side=20))
    assert sheet.shape[1] <= 8 + 5 * 28


def test_a_planted_patch_is_found(tmp_path: Path) -> None:
    pattern = np.random.default_rng(1).integers(0, 256, (5, 5, 3), np.uint8)
    detector = nn.Conv2d(3, 1, 5)
    with torch.no_grad():
        ink = torch.from_numpy(pattern.transpose(2, 0, 1) / 255.0).float()
        detector.weight[0] = ink - ink.mean()
    paths = []
    for index in range(4):
        pixels = np.full((40, 40, 3), 128, np.uint8)
        if index == 2:
            pixels[11:16, 30:35] = pattern
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(pixels).save(paths[-1])
    classifier = Classifier(nn.Sequential(detector), size=40)
    found = top_patches(classifier, paths, "0", [0], 1)
    assert found.images.tolist() == [[2]]
    assert found.boxes.tolist() == [[[11, 30, 16, 35]]]
    sheet = pixels_of(draw_patches(classifier, paths, found, side=5))
    np.testing.assert_array_equal(sheet[8:13, 8:13], pattern)


class Branches(nn.Module):
    """A branch that sees 1×1 pixels and one that sees 5×5, side by side in one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 5, padding=2)
        self.both = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.both(torch.cat([self.small(x), self.large(x)], 1)).mean((2, 3))


def test_a_patch_is_what_its_own_branch_sees(folder: Path) -> None:
    torch.manual_seed(0)
    classifier = Classifier(Branches().eval(), size=24)
    paths = sorted(folder.rglob("*.png"))
    found = top_patches(classifier, paths, "both", [0, 1], 3)
    assert found.side == (5, 5)
    heights = found.boxes[..., 2] - found.boxes[..., 0]
    assert heights[0].tolist() == [1, 1, 1]
    assert heights[1].min() >= 3  # of 5, where the border cuts them
    small = torch.cat([read_pixels(classifier, paths[i]) for i in found.images[0]])
    top, left = found.boxes[0, :, 0], found.boxes[0, :, 1]
    values = classifier.model.small(small).detach()
    at = [float(v[0, t, x]) for v, t, x in zip(values, top, left, strict=True)]
    np.testing.assert_allclose(found.values[0], at, rtol=1e-5)


def test_patches_that_cannot_be_had(classifier: Classifier, folder: Path) -> None:
    paths = sorted(folder.rglob("*.png"))
    with pytest.raises(RequestError, match="no channel 8, only 0 to 7"):
        top_patches(classifier, paths, "second", [8])
    tokens = Classifier(nn.Sequential(nn.Flatten(2), nn.Flatten()), size=8)
    with pytest.raises(RequestError, match="neither maps nor a vector"):
        top_patches(tokens, paths, "0", [0])
    with pytest.raises(WorkError, match="none of the images"):
        top_patches(classifier, [folder / "none.png"], "second", [0], report=lambda line: None)
