"""Guided backprop against Captum, and each way to write a ReLU by hand."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.network.classifier import Classifier
from interp.network.relus import ReplacedReLUs
from interp.network.taps import find_layer
from interp.saliency.cam import last_map_layer
from interp.saliency.gradients import gradient
from interp.saliency.guided import guided_backprop
from interp.saliency.methods import attribution
from interp.saliency.targets import class_score, layer_value
from styletransfer.errors import RequestError
from tests.interp.saliency.conftest import CLOSE, Plain


def test_guided_equals_captums(plain: Plain, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    x = images.clone().requires_grad_()
    theirs = attr.GuidedBackprop(plain).attribute(x, target=1).detach()
    torch.testing.assert_close(guided_backprop(plain, images, class_score(1)), theirs, **CLOSE)
    ours = attribution("guided-grad-cam", plain, images, class_score(1))
    both = attr.GuidedGradCam(plain, find_layer(plain, last_map_layer(plain, images)))
    large = both.attribute(x, target=1, interpolate_mode="bilinear").detach()
    torch.testing.assert_close(ours, large, **CLOSE)
    neuron = attr.NeuronGuidedBackprop(plain, plain.features[3])
    torch.testing.assert_close(
        guided_backprop(plain, images, layer_value("features.3", 4, (2, 3))),
        neuron.attribute(x, neuron_selector=(4, 2, 3)).detach(),
        **CLOSE,
    )
    torch.testing.assert_close(
        guided_backprop(plain, images, layer_value("features.3", 4)),
        neuron.attribute(x, neuron_selector=lambda value: value[:, 4].sum((1, 2))).detach(),
        **CLOSE,
    )


# Guided backprop: each way to write a ReLU, in a network of one convolution and weights ±1.
RELUS: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "function": F.relu,
    "function in place": lambda x: F.relu(x, inplace=True),
    "F.relu_": F.relu_,
    "torch": torch.relu,
    "torch in place": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
    "clamp in place": lambda x: x.clamp_(0),
    "ReLU6": nn.ReLU6(),
    "ReLU6 in place": nn.ReLU6(inplace=True),
    "hardtanh": lambda x: F.hardtanh(x, 0.0, 6.0),
    "clip": lambda x: x.clip(min=0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "threshold in place": lambda x: F.threshold(x, 0, 0, inplace=True),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "maximum, the other way": lambda x: torch.maximum(torch.zeros(()), x),
    "max": lambda x: torch.max(x, torch.zeros_like(x)),
    "max method": lambda x: x.max(torch.zeros(4)),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "where, the other way": lambda x: torch.where(x < 0, torch.zeros_like(x), x),
    "where method": lambda x: x.where(x >= 0, torch.zeros(())),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "masked_fill in place": lambda x: x.clone().masked_fill_(x <= 0, 0.0),
    "product": lambda x: x * (x > 0),
    "product, the other way": lambda x: (x > 0) * x,
}


class Signs(nn.Module):
    def __init__(self, relu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        # A 4×4 image, one value a pixel; the ReLU sees x − 0.5, the head's weights are ±1.
        seen = self.relu(x.mean(1) - 0.5)
        signs = torch.tensor([1.0, -1.0, 1.0, -1.0])
        return (seen * signs).sum((1, 2))[:, None]


@pytest.mark.parametrize("relu", RELUS)
def test_guided_by_hand(relu: str) -> None:
    image = torch.tensor(
        [[0.9, 0.9, 0.1, 0.1], [0.2, 0.8, 0.6, 0.4], [1.0, 0.0, 0.0, 1.0], [0.3, 0.7, 0.7, 0.3]]
    ).expand(1, 3, 4, 4)
    # Open where the pixel is above 0.5 (forwards) and the weight positive (backwards): the even
    # columns. The gradient alone would give −1/3 at each bright pixel of the odd ones.
    expected = torch.zeros(4, 4)
    expected[0, 0] = expected[1, 2] = expected[2, 0] = expected[3, 2] = 1 / 3
    ours = guided_backprop(Signs(RELUS[relu]), image, class_score(0))
    torch.testing.assert_close(ours, expected.expand(1, 3, 4, 4))
    plain = gradient(Signs(RELUS[relu]), image, class_score(0))
    assert plain.min() == pytest.approx(-1 / 3)


@pytest.mark.parametrize(
    "other",
    [
        lambda x: torch.max(x, 0)[0].expand(1, 4),
        lambda x: torch.maximum(x, torch.full_like(x, 0.1)),
        lambda x: torch.where(x > 0.2, x, 0.0),
        lambda x: x.masked_fill(x < -1, 0),
        lambda x: x * (x > -5).float(),
        lambda x: x.clamp(0, 1).clamp(min=-1),
    ],
)
def test_what_is_no_relu_is_left_alone(other: Callable[[Tensor], Tensor]) -> None:
    rule = ReplacedReLUs(lambda values, top: values * 0)
    values = torch.tensor([[0.5, -0.5, 0.3, 0.1]])
    with rule:
        found = other(values)
    assert rule.replaced == 0
    torch.testing.assert_close(found, other(values))


def test_guided_relu6_is_closed_above_six() -> None:
    image = torch.full((1, 3, 4, 4), 7.0)
    assert guided_backprop(Signs(nn.ReLU6()), image, class_score(0)).abs().max() == 0
    assert guided_backprop(Signs(nn.ReLU()), image, class_score(0)).max() > 0


def test_in_place_and_functional_relus_equal_modules(classifier: Classifier) -> None:
    """The small network against a twin whose ReLUs are modules, which Captum handles."""
    attr = pytest.importorskip("captum.attr")
    net = classifier.model

    class Twin(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net
            self.relus = nn.ModuleList(nn.ReLU() for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            x = (x - classifier.mean) / classifier.std
            x = self.relus[0](net.norm(net.first(x)))
            x = self.relus[2](self.relus[1](net.second(x)) - 0.01)
            return net.head(x.mean((2, 3)))

    x = torch.rand(2, 3, 24, 24)
    theirs = attr.GuidedBackprop(Twin().eval()).attribute(x.clone().requires_grad_(), target=3)
    ours = guided_backprop(classifier, x, class_score(3))
    torch.testing.assert_close(ours, theirs.detach(), **CLOSE)


@pytest.mark.parametrize(
    ("activation", "found"), [(nn.SiLU(), "SiLU"), (nn.GELU(), "GELU"), (nn.Identity(), "no acti")]
)
def test_guided_needs_a_relu(activation: nn.Module, found: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), activation, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(RequestError, match=f"guided backprop needs ReLUs.*found: {found}"):
        guided_backprop(model, torch.rand(1, 3, 5, 5), class_score(0))
