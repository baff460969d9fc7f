"""Inversion of features, and networks of which a file holds the first layers only."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models import VisionTransformer

from interp.network.classifier import Classifier, load_classifier
from interp.network.layers import default_layer, readable_layers
from interp.network.taps import activations
from interp.synthesis.canvas import FourierCanvas
from interp.synthesis.inversion import check_inversion, invert, psnr
from styletransfer.errors import RequestError, WeightsError, WorkError
from tests.assets import asset


@pytest.fixture
def image() -> Tensor:
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, (24, 24), mode="bilinear")


def test_shallow_layers_rebuild_pixels_better_than_deep_ones(
    classifier: Classifier, image: Tensor
) -> None:
    results = {
        layer: invert(classifier, image, layer, steps=40) for layer in ("norm", "second", "head")
    }
    likenesses = [psnr(result.picture, image) for result in results.values()]
    assert likenesses == sorted(likenesses, reverse=True)
    assert likenesses[0] > 18
    for layer, result in results.items():
        assert result.losses[-1] < 0.05 * result.losses[0]
        ours, theirs = (activations(classifier, x, [layer])[layer] for x in (result.picture, image))
        expected = ((ours - theirs).norm() / theirs.norm()).item()
        assert result.error == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert result.error < 0.1


def test_the_loss_is_its_formula(classifier: Classifier, image: Tensor) -> None:
    weights = {"total_variation_weight": 0.3, "norm_weight": 0.2, "beta": 1.5, "alpha": 4.0}
    result = invert(classifier, image, "norm", steps=1, seed=7, **weights)
    start = FourierCanvas(1, 24, 24, seed=7).picture().detach()
    ours, theirs = (activations(classifier, x, ["norm"])["norm"] for x in (start, image))
    features = (ours - theirs).square().sum() / theirs.square().sum()
    norm = 0.2 * (2 * (start - 0.5)).abs().pow(4).sum() / 24**2
    down, across = start.diff(dim=2)[..., :-1], start.diff(dim=3)[..., :-1, :]
    variation = 0.3 * (down**2 + across**2).pow(0.75).sum() / 23**2
    assert result.losses[0] == pytest.approx((features + norm + variation).item(), rel=1e-4)


def test_a_seed_repeats(classifier: Classifier, image: Tensor) -> None:
    first, second, other = (
        invert(classifier, image, "second", steps=3, seed=seed).picture for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_features_of_zero(classifier: Classifier, image: Tensor) -> None:
    with torch.no_grad():
        classifier.model.norm.bias.fill_(-100)  # type: ignore[union-attr, operator]
    with pytest.raises(WorkError, match="features of layer 'relu' are all zero; read another"):
        invert(classifier, image, "relu")


def test_psnr() -> None:
    one = torch.zeros(1, 3, 4, 4)
    assert psnr(one, one) == float("inf")
    assert psnr(one, one + 0.1) == pytest.approx(20)


def test_default_layers() -> None:
    image = torch.rand(1, 3, 224, 224)
    for name, layer in (("squeezenet1_0", "features.10"), ("resnet18", "layer3")):
        assert default_layer(load_classifier(name, "random"), image) == layer
    transformer = VisionTransformer(
        image_size=24, patch_size=8, num_layers=3, num_heads=2, hidden_dim=8, mlp_dim=16
    )
    with pytest.raises(RequestError, match=r"name one, such as .*encoder_layer_1"):
        default_layer(transformer.eval(), torch.rand(1, 3, 24, 24))


def test_readable_layers(classifier: Classifier, image: Tensor) -> None:
    assert readable_layers(classifier, image) == ["first", "norm", "relu", "second", "head"]
    squeezenet = load_classifier("squeezenet1_1", "random")
    assert len(check_inversion(squeezenet, torch.rand(1, 3, 64, 64))) == 6
    names = readable_layers(squeezenet, torch.rand(1, 3, 64, 64))
    assert names == [*(f"features.{i}" for i in range(13)), *(f"classifier.{i}" for i in (1, 2, 3))]


@pytest.fixture
def first_layers(tmp_path: Path) -> Path:
    """A file of SqueezeNet's layers up to features.4."""
    state = load_classifier("squeezenet1_1", "random", seed=3).model.state_dict()
    path = tmp_path / "first.pth"
    torch.save(
        {k: v for k, v in state.items() if k.startswith("features.") and k[9] in "034"}, path
    )
    return path


def test_a_file_of_the_first_layers(first_layers: Path) -> None:
    with pytest.raises(WeightsError, match=r"does not fit squeezenet1_1: it lacks features\.6"):
        load_classifier("squeezenet1_1", first_layers)
    part = load_classifier("squeezenet1_1", first_layers, partial=True)
    whole = load_classifier("squeezenet1_1", "random", seed=3)
    image = torch.rand(1, 3, 64, 64)
    found, expected = (activations(m, image, ["features.5"])["features.5"] for m in (part, whole))
    assert torch.equal(found, expected)
    with pytest.raises(RequestError, match=r"has no weights of features\.6.*; take a layer"):
        activations(part, image, ["features.6"])
    with pytest.raises(RequestError, match="has no weights"):
        part(image)
    assert readable_layers(part, image) == [f"features.{i}" for i in range(6)]


def test_a_file_that_fits_in_nothing_is_no_part(tmp_path: Path) -> None:
    path = tmp_path / "empty.pth"
    torch.save({}, path)
    with pytest.raises(WeightsError, match="does not fit squeezenet1_1: it lacks"):
        load_classifier("squeezenet1_1", path, partial=True)


def test_vgg19s_first_layers_are_the_files() -> None:
    from styletransfer.losses import LossNetwork

    path = asset("weights/vgg19_relu3_4.safetensors")
    image = torch.rand(1, 3, 32, 32)
    expected = LossNetwork("vgg19", ["relu3_4"], path)(image)["relu3_4"]
    classifier = load_classifier("vgg19", path, partial=True)
    found = activations(classifier, image, ["features.17"])["features.17"]
    torch.testing.assert_close(found, expected)
    assert readable_layers(classifier, image)[-1] == "features.18"
