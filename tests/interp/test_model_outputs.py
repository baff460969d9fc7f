"""Models whose output is picked, is one score, or says nothing."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from interp import (
    Classifier,
    attack_images,
    pgd,
    saliency_map,
)
from interp.saliency import METHODS
from interp.saliency.gradients import gradient
from interp.saliency.maps import Neuron
from interp.saliency.methods import explain
from interp.saliency.targets import class_probability, class_score, layer_value
from styletransfer.errors import RequestError, WorkError
from tests.interp.small_net import Net, net


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))


class Wrapped(nn.Module):
    def __init__(self, wrap: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.net, self.wrap = net(), wrap

    def forward(self, x: Tensor) -> object:
        return self.wrap(self.net(x))


@pytest.mark.parametrize(
    ("wrap", "output"),
    [
        (lambda scores: (scores, None), 0),
        (lambda scores: {"logits": scores, "aux": 1}, "logits"),
        (lambda scores: type("Out", (), {"logits": scores}), "logits"),
        (lambda scores: [scores.exp()], lambda made: made[0].log()),
    ],
)
def test_outputs_that_are_picked(
    wrap: Callable[[Tensor], object], output: int | str, images: Tensor
) -> None:
    classifier = Classifier(Wrapped(wrap), output=output)
    expected = gradient(net(), images, class_score(2))
    torch.testing.assert_close(gradient(classifier, images, class_score(2)), expected)


@pytest.mark.parametrize(
    ("wrap", "output", "said"),
    [
        (lambda scores: (scores, None), None, "a tuple of 2, not class scores"),
        (lambda scores: {"out": scores, "aux": 1}, None, "a dict of out, aux, not class scores"),
        (lambda scores: {"out": scores}, "logits", "a dict of out, without 'logits'"),
        (lambda scores: scores[:, :, None, None], None, r"N×4×1×1, not class scores"),
        (lambda scores: scores.sum(), None, "one number, not class scores"),
    ],
)
def test_outputs_that_are_no_scores(
    wrap: Callable[[Tensor], object], output: str | None, said: str, images: Tensor
) -> None:
    with pytest.raises(RequestError, match=said):
        gradient(Classifier(Wrapped(wrap), output=output), images, class_score(0))


def test_a_single_score(images: Tensor) -> None:
    model = net(classes=1)
    for one in (model, Wrapped(lambda scores: scores[:, 0])):
        one = one if one is model else Classifier(Squeezed(model))
        score = model(images)[:, 0].detach()
        torch.testing.assert_close(class_score(0)(one, images), score)
        torch.testing.assert_close(class_probability(0)(one, images), score.sigmoid())
        # Class 1 is yes: an attack on it lowers the score, one on class 0 raises it.
        lower = model(pgd(one, images, torch.tensor([1, 1])))[:, 0]
        higher = model(pgd(one, images, torch.tensor([0, 0])))[:, 0]
        assert (lower < score).all()
        assert (higher > score).all()


class Squeezed(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.inner = model

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)[:, 0]


def test_an_attack_that_cannot_work_says_so(images: Tensor) -> None:
    detached = Wrapped(lambda scores: scores.detach())
    with pytest.raises(RequestError, match="the scores have no gradient"):
        pgd(detached, images, torch.tensor([0, 1]))
    flat = Wrapped(lambda scores: 0 * scores)
    with pytest.warns(UserWarning, match="2 of 2 images are as they were"):
        assert torch.equal(pgd(flat, images, torch.tensor([0, 1])), images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pgd(net(), images, torch.tensor([0, 1]))


def test_a_class_for_each_image(images: Tensor) -> None:
    for method in METHODS:
        both = explain(method, net(), images, class_score(torch.tensor([3, 1])))
        for number, index in enumerate((3, 1)):
            alone = explain(method, net(), images[number : number + 1], class_score(index))
            if method == "smoothgrad":  # its noise is that of the place in the batch
                continue
            torch.testing.assert_close(both[number : number + 1], alone)
    with pytest.raises(RequestError, match="2 images need as many classes, not 3"):
        class_score([0, 1, 2])(net(), images)


def silent() -> Net:
    model = net()
    nn.init.constant_(model.conv.bias, -100.0)
    return model


def test_a_map_that_is_zero_everywhere_is_an_error(images: Tensor) -> None:
    with pytest.raises(WorkError, match="zero everywhere: no pixel changes relu, channel 2 at 3,4"):
        saliency_map(silent(), images[0], neuron=Neuron("relu", 2, (3, 4)))
    lines: list[str] = []
    with pytest.raises(WorkError, match="no image has a map"):
        saliency_map(silent(), images, neuron=Neuron("relu", 2, "max"), report=lines.append)
    assert len(lines) == 2
    assert "the channel is silent on this image" in lines[0]


def test_the_strongest_place_is_offered_and_can_be_explained(images: Tensor) -> None:
    model = net()
    with torch.no_grad():
        values = model.relu(model.conv(images[:1]))[0]
    channel, row, column = next(
        (int(k), int(r), int(c)) for k, r, c in (values == 0).nonzero() if values[int(k)].any()
    )
    best = divmod(int(values[channel].argmax()), 12)
    with pytest.raises(WorkError, match=rf"greatest at {best[0]},{best[1]}, .* --place max"):
        saliency_map(model, images[0], neuron=Neuron("relu", channel, (row, column)))
    found = saliency_map(model, images[0], neuron=Neuron("relu", channel, "max"))
    expected = explain("gradient", model, images[:1], layer_value("relu", channel, best))
    np.testing.assert_array_equal(found.maps, expected.numpy())


def test_an_attack_of_files_tells_which_it_left_as_they_were(folder: Path) -> None:
    path = sorted(folder.rglob("*.png"))[0]
    flat = Classifier(Wrapped(lambda scores: 0 * scores), size=12)
    lines: list[str] = []
    found = attack_images(flat, [path], report=lines.append)
    assert [line.startswith(f"{path}: 1 of 1 images are as they were") for line in lines] == [True]
    np.testing.assert_array_equal(found.images[0], found.adversarial[0])
