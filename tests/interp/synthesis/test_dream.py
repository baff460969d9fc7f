"""DeepDream's octaves, steps and objectives."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from interp.network.classifier import Classifier
from interp.network.taps import activations
from interp.synthesis.dream import (
    DreamSettings,
    deep_dream,
    dream_zoom,
    enlarged,
    likeness,
    octave_sizes,
    strength,
)
from interp.synthesis.loop import Progress
from styletransfer.errors import RequestError

SETTINGS = DreamSettings(octaves=3, steps=4, jitter=3)


@pytest.fixture
def image() -> Tensor:
    coarse = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    return F.interpolate(0.3 + 0.4 * coarse, (30, 40), mode="bilinear")


def test_the_objective_rises_in_each_octave_and_it_repeats(
    classifier: Classifier, image: Tensor
) -> None:
    before = image.clone()
    objective = strength(classifier, ["norm", "second"])
    first, second, other = (
        deep_dream(classifier, image, objective, SETTINGS, seed=seed) for seed in (1, 1, 2)
    )
    assert len(first.octaves) == 3
    assert all(end > start for start, end in first.octaves)
    assert first.picture.shape == image.shape
    assert first.picture.min() >= 0 and first.picture.max() <= 1
    assert torch.equal(first.picture, second.picture)
    assert not torch.equal(first.picture, other.picture)
    assert torch.equal(image, before)


def test_the_mean_change_is_the_step_and_detail_is_carried_over(
    classifier: Classifier, image: Tensor
) -> None:
    heard: list[Progress] = []
    deep_dream(classifier, image, strength(classifier, ["second"]), SETTINGS, on_step=heard.append)
    sizes = octave_sizes(30, 40, 3, 1.4)
    assert sizes == [(15, 20), (21, 29), (30, 40)]
    pictures = [progress.picture for progress in heard]
    assert [tuple(picture.shape[2:]) for picture in pictures] == [
        s for s in sizes for _ in range(4)
    ]

    def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(x, size, mode="bilinear", antialias=True)

    detail = torch.zeros_like(image)
    for octave, size in enumerate(sizes):
        base = resized(image, size)
        states = [base + resized(detail, size), *pictures[4 * octave : 4 * octave + 4]]
        for old, new in itertools.pairwise(states):
            change = (new - old).abs().mean().item()
            assert change == pytest.approx(1.5 / 255, rel=1e-3)
        detail = states[-1] - base


def test_strength_is_half_the_square_and_its_gradient_the_activation(
    classifier: Classifier, image: Tensor
) -> None:
    values = activations(classifier, image, ["norm", "second"])
    expected = sum((value**2).mean() / 2 for value in values.values())
    torch.testing.assert_close(strength(classifier, ["norm", "second"])(image), expected)
    pixels = image.clone().requires_grad_()
    activation = activations(classifier, pixels, ["second"], gradients=True)["second"]
    (by_hand,) = torch.autograd.grad(activation, pixels, activation.detach(), retain_graph=True)
    (found,) = torch.autograd.grad(strength(classifier, ["second"])(pixels), pixels)
    torch.testing.assert_close(found * activation.numel(), by_hand, rtol=1e-3, atol=1e-5)


def test_likeness_is_the_best_dot_product(
    classifier: Classifier, image: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interp.synthesis.dream._CHUNK", 7)
    guide = torch.rand(1, 3, 12, 14, generator=torch.Generator().manual_seed(5))
    ours, theirs = (
        activations(classifier, x, ["norm"])["norm"][0].flatten(1).T for x in (image, guide)
    )
    expected = torch.stack([max(place @ other for other in theirs) for place in ours]).mean()
    found = likeness(classifier, "norm", guide)
    torch.testing.assert_close(found(image), expected)
    result = deep_dream(classifier, image, likeness(classifier, "second", guide), SETTINGS)
    assert all(end > start for start, end in result.octaves)


def test_an_octave_that_is_too_small(image: Tensor) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 9), torch.nn.MaxPool2d(9))
    with pytest.raises(RequestError, match=r"smallest octave, 10×8 pixels; take fewer octaves"):
        deep_dream(net, image, strength(net, ["1"]), DreamSettings(octaves=5))


def test_a_guide_needs_places(classifier: Classifier, image: Tensor) -> None:
    with pytest.raises(RequestError, match=r"layer 'head' gives 5, no places"):
        likeness(classifier, "head", image)


def test_an_interrupt_gives_the_whole_image(classifier: Classifier, image: Tensor) -> None:
    def stop(progress: Progress) -> None:
        if progress.picture.shape[2] == 21:
            raise KeyboardInterrupt

    result = deep_dream(classifier, image, strength(classifier, ["second"]), SETTINGS, on_step=stop)
    assert result.interrupted
    assert result.picture.shape == image.shape
    assert len(result.octaves) == 1
    assert 0.005 < (result.picture - image).abs().mean() < 0.1


def test_zoom(classifier: Classifier, image: Tensor) -> None:
    objective = strength(classifier, ["second"])
    seen: list[Tensor] = []

    def dream(start: Tensor, frame: int):  # type: ignore[no-untyped-def]
        seen.append(start)
        return deep_dream(classifier, start, objective, SETTINGS, seed=frame)

    results = list(dream_zoom(dream, image, 3, zoom=1.25))
    assert len(results) == 3
    assert torch.equal(seen[0], image)
    for result, start in zip(results, seen[1:], strict=False):
        middle = result.picture[..., 3:27, 4:36]
        expected = F.interpolate(middle, (30, 40), mode="bilinear", antialias=True)
        torch.testing.assert_close(start, expected)
        torch.testing.assert_close(enlarged(result.picture, 1.25), expected)
