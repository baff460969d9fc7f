"""Class, channel and neuron images; facets; ReLUs that let a gradient through."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor, nn

from interp.network.classifier import Classifier
from interp.network.taps import activations
from interp.saliency.targets import Target, class_score, layer_value
from interp.synthesis.class_images import class_image, start_image
from interp.synthesis.facets import facet_directions, facet_score, find_facets
from interp.synthesis.recipes import PRESETS, Recipe
from interp.synthesis.redirected import redirected_relus
from interp.synthesis.regularizers import blurred
from styletransfer.errors import RequestError, WorkError

PLAIN = Recipe(steps=3, rate=0.01, optimizer="gradient", basis="pixels", start="mean")


@pytest.fixture
def classifier(classifier: Classifier) -> Classifier:
    """The small network with scores as steep as those of a real one."""
    with torch.no_grad():
        classifier.model.head.weight *= 300  # type: ignore[union-attr, operator]
    return classifier


def score(classifier: Classifier, images: Tensor, target: Target) -> Tensor:
    with torch.no_grad():
        return target(classifier, images)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_raise_the_score_and_repeat(classifier: Classifier, preset: str) -> None:
    target = class_score(3)
    recipe = replace(PRESETS[preset], steps=20)
    start = start_image(classifier, recipe)
    first, second, other = (
        class_image(classifier, target, recipe, seed=seed).picture for seed in (1, 1, 2)
    )
    assert first.shape == start.shape
    assert first.min() >= 0 and first.max() <= 1
    assert score(classifier, first, target) > score(classifier, start, target) + 0.01
    assert torch.equal(first, second)
    randomness = recipe.jitter or recipe.least_crop or recipe.start == "noise"
    assert torch.equal(first, other) == (not randomness)


def test_settings_are_their_formulas(classifier: Classifier) -> None:
    """Two steps by hand, of everything that has no randomness."""
    recipe = replace(PLAIN, steps=2, l2=30, decay=0.1, blur=0.8, blur_every=2)
    found = class_image(classifier, class_score(1), recipe).picture
    pixels = classifier.mean.expand(1, 3, 24, 24).clone()
    for step in range(2):
        pixels.requires_grad_()
        penalty = 30 * (pixels - classifier.mean).square().sum() / 24**2
        (slope,) = torch.autograd.grad(classifier(pixels)[0, 1] - penalty, pixels)
        pixels = (pixels + 0.01 * slope).detach()
        pixels = classifier.mean + 0.9 * (pixels - classifier.mean)
        if step == 1:
            pixels = blurred(pixels, 0.8)
        pixels = pixels.clamp(0, 1)
    torch.testing.assert_close(found, pixels, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "setting",
    [
        {"total_variation": 100.0},
        {"jitter": 5},
        {"scale": 0.3},
        {"rotation": 30.0},
        {"norm_percentile": 40.0},
        {"contribution_percentile": 40.0},
        {"center_bias": 0.1},
        {"start": "gray"},
        {"start": "noise"},
        {"optimizer": "normalized"},
        {"optimizer": "adam"},
        {"basis": "fourier"},
        {"basis": "phases", "rate": 1.0},
        {"least_crop": 0.5, "size": 24},
        {"noise": 0.2},
        {"first_view": 0.5},
        {"gradient_percentile": 40.0},
    ],
)
def test_every_setting_matters(classifier: Classifier, setting: dict[str, object]) -> None:
    changed = replace(PLAIN, **setting)  # type: ignore[arg-type]
    plain, other = (
        class_image(classifier, class_score(1), recipe).picture for recipe in (PLAIN, changed)
    )
    assert not torch.allclose(plain, other, rtol=0, atol=1e-6)


def test_a_size_of_its_own(classifier: Classifier) -> None:
    recipe = replace(PRESETS["maco"], steps=2, size=40)
    assert class_image(classifier, class_score(1), recipe).picture.shape == (1, 3, 40, 40)


def views(classifier: Classifier, recipe: Recipe, start: Tensor) -> list[tuple[int, ...]]:
    """The sizes that the model sees, the probe of the smallest first."""
    seen: list[tuple[int, ...]] = []

    def target(model: nn.Module, images: Tensor) -> Tensor:
        seen.append(tuple(images.shape))
        return class_score(1)(model, images)

    class_image(classifier, target, recipe, start=start)
    return seen


def test_views_grow_to_what_the_model_takes(classifier: Classifier) -> None:
    recipe = replace(PRESETS["maco"], steps=4, first_view=0.25)
    start = torch.full((2, 3, 40, 40), 0.5)
    found = views(classifier, recipe, start)
    assert found == [(2, 3, side, side) for side in (6, 6, 12, 18, 24)]


def test_a_model_of_one_size_sees_small_views_enlarged() -> None:
    torch.manual_seed(0)
    classifier = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4)), size=8)
    start = torch.rand(1, 3, 8, 8)
    found = views(classifier, replace(PRESETS["maco"], steps=3), start)
    assert found == [(1, 3, 2, 2)] + 3 * [(1, 3, 8, 8)]


def test_starts(classifier: Classifier) -> None:
    gray, mean, noise = (
        start_image(classifier, replace(PLAIN, start=start), seed=1)
        for start in ("gray", "mean", "noise")
    )
    assert (gray == 0.5).all()
    assert torch.equal(mean, classifier.mean.expand(1, 3, 24, 24).clone())
    assert (noise - mean)[:, :2].std().item() == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("place", [None, (2, 3)])
def test_a_channel_and_a_neuron(classifier: Classifier, place: tuple[int, int] | None) -> None:
    target = layer_value("second", 4, place)
    recipe = replace(PLAIN, steps=10, rate=0.3)
    picture = class_image(classifier, target, recipe).picture
    assert score(classifier, picture, target) > score(
        classifier, classifier.mean + 0 * picture, target
    )
    changed = (picture != classifier.mean).any(1)[0].nonzero()
    assert bool((changed.min(0).values > 0).all() and (changed.max(0).values < 23).all()) == (
        place is not None
    )


def test_a_gradient_of_zero_is_said(classifier: Classifier) -> None:
    def constant(model: nn.Module, images: Tensor) -> Tensor:
        return 0 * images.flatten(1).sum(1)

    with pytest.raises(WorkError, match="no step has changed the image: the gradient is zero"):
        class_image(classifier, constant, PLAIN)


def test_the_model_is_left_as_it_was(classifier: Classifier) -> None:
    classifier.train()
    class_image(classifier, class_score(1), PLAIN)
    assert all(module.training for module in classifier.modules())
    assert all(p.requires_grad and p.grad is None for p in classifier.parameters())


@pytest.mark.parametrize(
    ("setting", "option"),
    [
        ({"blur": 1.0}, "--blur"),
        ({"decay": 0.1}, "--decay"),
        ({"center_bias": 0.1}, "--center-bias"),
        ({"optimizer": "normalized"}, "--optimizer normalized"),
    ],
)
@pytest.mark.parametrize("preset", ["lucid", "maco"])
def test_frequencies_and_phases_are_no_pixels(
    classifier: Classifier, preset: str, setting: dict[str, object], option: str
) -> None:
    recipe = replace(PRESETS[preset], **setting)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=f"^{option} is for pixels"):
        class_image(classifier, class_score(1), recipe)


def test_a_relu_that_is_off_everywhere_can_be_switched_on() -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.ReLU(inplace=True)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        layers[1].bias -= 5
    classifier = Classifier(model, size=16)
    start = start_image(classifier, PLAIN)
    assert score(classifier, start, class_score(1)) == 0
    picture = class_image(classifier, class_score(1), replace(PLAIN, steps=60, rate=30)).picture
    before, after = (
        nn.Sequential(*layers[:2])(image)[0, 1].mean().item() for image in (start, picture)
    )
    assert after > before + 0.05


def test_other_gradients_of_a_relu_are_the_true_ones(classifier: Classifier) -> None:
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    images.requires_grad_()
    slopes = []
    for redirected in (False, True):
        if redirected:
            with redirected_relus():
                scores = classifier(images)
        else:
            scores = classifier(images)
        slopes.append(torch.autograd.grad(-scores[:, 1].sum(), images)[0])
    torch.testing.assert_close(*slopes)


def test_redirection_by_hand() -> None:
    values = torch.tensor([[-1.0, -2.0], [-1.0, 2.0]], requires_grad=True)
    with redirected_relus():
        result = values.relu()
    slope = torch.tensor([[-3.0, 4.0], [-3.0, 5.0]])
    (found,) = torch.autograd.grad(result, values, slope)
    assert found.tolist() == [[-3.0, 0.0], [0.0, 5.0]]


def test_facets_are_the_clusters() -> None:
    random = np.random.default_rng(0)
    sizes = (40, 25, 9)
    labels = np.repeat(np.arange(3), sizes)
    centers = random.normal(0, 10, (3, 70))
    order = random.permutation(len(labels))
    features = (centers[labels] + random.normal(0, 1, (len(labels), 70)))[order].astype(np.float32)
    found = find_facets(features, 3, seed=1)
    assert [len(indices) for indices in found] == [15, 15, 9]
    members = np.concatenate(found)
    clusters = np.repeat(np.arange(3), [len(indices) for indices in found])
    assert adjusted_rand_score(labels[order][members], clusters) == 1
    for label, indices in enumerate(found):
        everyone = features[labels[order] == label]
        away = np.linalg.norm(features[indices] - everyone.mean(0), axis=1)
        assert (np.diff(away) > -0.5).all()
        assert away.mean() <= np.linalg.norm(everyone - everyone.mean(0), axis=1).mean() + 1e-3
    again = find_facets(features, 3, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))


def test_directions_tell_facets_apart() -> None:
    features = np.array([[1.0, 0, 2], [3, 0, 2], [-2, 5, 2], [-2, 3, 2]], np.float32)
    found = facet_directions(features, [np.array([0, 1]), np.array([2, 3])])
    expected = torch.tensor([[2.0, -2, 0], [-2, 2, 0]]) / 8**0.5
    torch.testing.assert_close(found, expected)


def test_a_facet_counts_as_its_formula(classifier: Classifier) -> None:
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    directions = torch.nn.functional.normalize(torch.rand(2, 8), dim=1)
    with torch.no_grad():
        found = facet_score(class_score(1), "second", directions)(classifier, images)
        scores = classifier(images)[:, 1]
        features = activations(classifier, images, ["second"])["second"].mean((2, 3))
    away = features - features.mean(0)
    for k in range(2):
        cosine = (away[k] @ directions[k]) / away[k].norm()
        assert found[k].item() == pytest.approx((scores[k] + scores[k].abs() * cosine).item())


def test_too_few_images_for_facets() -> None:
    with pytest.raises(RequestError, match="2 different images make no 3 facets; give more"):
        find_facets(np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 3.0]]), 3)


def test_facets_differ_more_than_seeds_of_one(classifier: Classifier) -> None:
    random = torch.Generator().manual_seed(0)
    starts = blurred(torch.rand(2, 3, 24, 24, generator=random), 1)
    # The image is a tenth as large as usual, and so is the blur.
    recipe = replace(PRESETS["nguyen"], steps=20, rate=0.01, jitter=4, blur=0.5)
    one, other = (
        class_image(classifier, class_score(1), recipe, start=starts, seed=seed).picture
        for seed in (0, 1)
    )
    between_facets = (one[0] - one[1]).square().mean()
    between_seeds = (one - other).square().mean((1, 2, 3))
    assert 0 < between_seeds.max() < between_facets / 2
