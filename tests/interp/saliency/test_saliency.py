"""Saliency methods against Captum, naive loops and numbers worked out by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.network.classifier import Classifier
from interp.saliency import METHODS
from interp.saliency.cam import grad_cam, last_map_layer
from interp.saliency.gradients import gradient, input_x_gradient, integrated_gradients, smoothgrad
from interp.saliency.methods import attribution, explain
from interp.saliency.sanity import cascading_randomization, layers_from_the_top, rank_correlation
from interp.saliency.targets import class_score, layer_value
from styletransfer.errors import RequestError
from tests.interp.saliency.conftest import CLOSE, Plain


def test_gradients_equal_captums(plain: Plain, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    target = class_score(2)
    x = images.clone().requires_grad_()
    torch.testing.assert_close(
        explain("gradient", plain, images, target),
        attr.Saliency(plain).attribute(x, target=2).amax(1),
        **CLOSE,
    )
    torch.testing.assert_close(
        input_x_gradient(plain, images, target),
        attr.InputXGradient(plain).attribute(x, target=2).detach(),
        **CLOSE,
    )
    torch.testing.assert_close(
        integrated_gradients(plain, images, target, steps=20),
        attr.IntegratedGradients(plain).attribute(x, target=2, n_steps=20).detach().float(),
        rtol=1e-5,
        atol=1e-6,
    )
    layer = attr.LayerGradCam(plain, plain.features[3])
    small = layer.attribute(x, target=2, relu_attributions=True).detach()
    large = F.interpolate(small, (12, 14), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(grad_cam(plain, images, target, layer="features.3"), large, **CLOSE)


def test_smoothgrad_is_the_mean_gradient_of_noisy_images(plain: Plain, images: Tensor) -> None:
    target = class_score(1)
    random = torch.Generator().manual_seed(7)
    expected = torch.zeros_like(images)
    for _ in range(4):
        normal = torch.randn(images.shape, generator=random)
        for index, image in enumerate(images):
            noisy = image + 0.2 * (image.max() - image.min()) * normal[index]
            expected[index] += gradient(plain, noisy[None], target)[0] / 4
    ours = smoothgrad(plain, images, target, samples=4, noise=0.2, seed=7)
    torch.testing.assert_close(ours, expected, **CLOSE)
    assert torch.equal(ours, smoothgrad(plain, images, target, samples=4, noise=0.2, seed=7))


def test_integrated_gradients_are_complete(plain: Plain, images: Tensor) -> None:
    target = class_score(1)
    ours = integrated_gradients(plain, images, target, baseline=0.2, steps=200).sum((1, 2, 3))
    difference = target(plain, images) - target(plain, torch.full_like(images, 0.2))
    torch.testing.assert_close(ours, difference.detach(), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_maps_have_the_inputs_size_and_leave_the_model(
    method: str, classifier: Classifier, images: Tensor
) -> None:
    classifier.train()
    values = explain(method, classifier, images, class_score(2))
    assert values.shape == (2, 12, 14)
    assert values.isfinite().all()
    assert all(module.training for module in classifier.modules())
    assert all(p.requires_grad and p.grad is None for p in classifier.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in classifier.modules())
    raw = attribution(method, classifier, images, class_score(2))
    assert raw.shape == (values.shape if method in ("grad-cam", "occlusion") else images.shape)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (class_score(5), "no class 5; they are 0 to 4"),
        (layer_value("second", 8), "no channel 8; they are 0 to 7"),
        (layer_value("second", 1, (6, 0)), "no place 6,0; it has 6×7 places"),
        (layer_value("head", 1, (0, 0)), "no place 0,0; it has 0×0 places"),
        (layer_value("sekond", 1), "near it: second"),
    ],
)
def test_targets_that_do_not_exist(
    target: object, said: str, classifier: Classifier, images: Tensor
) -> None:
    with pytest.raises(RequestError, match=said):
        gradient(classifier, images, target)  # type: ignore[arg-type]


def test_grad_cam_refuses_layers_without_maps(plain: Plain, images: Tensor) -> None:
    assert last_map_layer(plain, images) == "features"
    with pytest.raises(RequestError, match="layer 'head' gives 4, no maps"):
        grad_cam(plain, images, class_score(0), layer="head")
    with pytest.raises(RequestError, match="comes after the target"):
        grad_cam(plain, images, layer_value("features.0", 1), layer="features.3")
    patches = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 14, 4))
    with pytest.raises(RequestError, match="name a --layer"):
        grad_cam(patches, images, class_score(0))


def test_randomization(plain: Plain, images: Tensor) -> None:
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    assert layers_from_the_top(plain, images) == ["head", "features.3", "features.0"]

    def by_gradient(model: nn.Module, x: Tensor, target: object) -> Tensor:
        return explain("gradient", model, x, target)  # type: ignore[arg-type]

    def edges(model: nn.Module, x: Tensor, target: object) -> Tensor:
        return x.diff(dim=3).sum(1)

    first, second = (
        cascading_randomization(plain, images[:1], class_score(0), by_gradient, seed=3)
        for _ in range(2)
    )
    assert np.array_equal(first.maps, second.maps)
    assert first.layers == ("head", "features.3", "features.0")
    assert np.array_equal(first.maps[0], explain("gradient", plain, images[:1], class_score(0))[0])
    assert abs(first.correlations[-1]) < 0.5
    constant = cascading_randomization(plain, images[:1], class_score(0), edges)
    np.testing.assert_allclose(constant.correlations, 1)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())


def test_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    one, other = np.random.default_rng(0).normal(size=(2, 9, 9)).round(1)
    expected = spearmanr(np.abs(one).ravel(), np.abs(other).ravel()).statistic
    assert rank_correlation(one, other) == pytest.approx(expected)
    assert rank_correlation(one, np.zeros_like(one)) == 0


def test_grabcut_finds_a_planted_blob() -> None:
    pytest.importorskip("cv2")
    from interp.saliency.segmentation import segment

    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:96, :96]
    blob = (rows - 40) ** 2 / 30**2 + (columns - 55) ** 2 / 20**2 < 1
    colors = np.where(blob[..., None], (200, 60, 40), (60, 120, 90))
    photograph = np.clip(colors + random.normal(0, 12, (96, 96, 3)), 0, 255).astype(np.uint8)
    # The map knows only about where the blob is.
    saliency = np.exp(-((rows - 42) ** 2 + (columns - 52) ** 2) / 300) + random.random((96, 96)) / 5
    mask = segment(photograph, saliency)
    assert (mask & blob).sum() / (mask | blob).sum() > 0.97
    assert np.array_equal(mask, segment(photograph, saliency))
    # A map that sees the rim alone: what it encloses is not background.
    distance = np.hypot((rows - 40) / 30, (columns - 55) / 20)
    mask = segment(photograph, np.exp(-(((distance - 0.8) / 0.15) ** 2)))
    assert (mask & blob).sum() / (mask | blob).sum() > 0.97
    with pytest.raises(RequestError, match="flat"):
        segment(photograph, np.zeros((96, 96)))


def test_a_map_that_reaches_beyond_the_object_and_marks_another_thing() -> None:
    pytest.importorskip("cv2")
    from interp.saliency.segmentation import segment

    random = np.random.default_rng(0)
    down, across = np.mgrid[:96, :96]
    disc = np.hypot(down - 40, across - 40) < 20
    stone = np.hypot(down - 80, across - 84) < 5
    color = np.where((disc | stone)[..., None], (210, 120, 40), (30, 60, 110))
    photograph = (color + random.normal(0, 6, color.shape)).clip(0, 255).astype(np.uint8)
    # The middle of the map lies on the rim, so a third of its peak is background.
    saliency = np.exp(-((down - 40) ** 2 + (across - 54) ** 2) / (2 * 12**2))
    saliency += 0.4 * np.exp(-((down - 80) ** 2 + (across - 84) ** 2) / (2 * 4**2))
    mask = segment(photograph, saliency)
    assert (mask & disc).sum() / (mask | disc).sum() > 0.97
