"""Taps: the layer's own values, gradients through them, and a model that is left as it was."""

from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.network.classifier import Classifier, load_classifier
from interp.network.taps import activations, find_layer, last_hidden_layer, layer_names, tapped
from styletransfer.errors import RequestError

# Each with a size that is small and that it takes, and the length of its last hidden layer.
FAMILIES = {
    "alexnet": (96, 4096),
    "vgg11": (32, 4096),
    "squeezenet1_1": (64, 512),
    "resnet18": (64, 512),
    "googlenet": (64, 1024),
    "inception_v3": (96, 2048),
    "densenet121": (64, 1024),
    "mobilenet_v2": (64, 1280),
    "mobilenet_v3_small": (64, 1024),
    "efficientnet_b0": (64, 1280),
    "shufflenet_v2_x0_5": (64, 1024),
    "mnasnet0_5": (64, 1280),
    "vit_b_32": (224, 768),
}


def state(model: nn.Module) -> list[object]:
    """All that a tap could leave behind."""
    hooks = [
        dict(getattr(module, name))
        for module in model.modules()
        for name in vars(nn.Module())
        if isinstance(getattr(module, name), OrderedDict)
    ]
    modes = [module.training for module in model.modules()]
    return [hooks, modes, [p.requires_grad for p in model.parameters()]]


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 24, 24)


def by_hand(classifier: Classifier, images: Tensor) -> dict[str, Tensor]:
    net = classifier.model
    first = net.first((images - classifier.mean) / classifier.std)
    norm = F.batch_norm(
        first, net.norm.running_mean, net.norm.running_var, net.norm.weight, net.norm.bias
    )
    second = net.second(norm.clamp(min=0))
    pooled = (second.clamp(min=0) - 0.01).clamp(min=0).mean((2, 3))
    return {
        "first": first,
        "norm": norm,
        "relu": norm.clamp(min=0),
        "second": second,
        "drop": pooled,
        "head:input": pooled,
        "relu:input": norm,
    }


def test_values_are_the_layers_own(classifier: Classifier, images: Tensor) -> None:
    expected = by_hand(classifier, images)
    classifier.train()
    before, running = state(classifier), classifier.model.norm.running_mean.clone()
    read = activations(classifier, images, list(expected))
    assert read.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(read[name], value, msg=name)
        assert not read[name].requires_grad
    assert state(classifier) == before
    assert torch.equal(classifier.model.norm.running_mean, running)


def test_gradients_with_respect_to_a_layer_and_of_it(
    classifier: Classifier, images: Tensor
) -> None:
    with tapped(classifier, ["second", "relu"]) as values:
        scores = classifier(images.requires_grad_())
        assert torch.equal(scores, classifier(images))  # a tap changes no result
        score = classifier(images)[:, 1].sum()
    second = values["second"].detach().requires_grad_()
    hand = classifier.model.head((second.clamp(min=0) - 0.01).clamp(min=0).mean((2, 3)))
    (expected,) = torch.autograd.grad(hand[:, 1].sum(), second)
    (gradient,) = torch.autograd.grad(score, values["second"], retain_graph=True)
    torch.testing.assert_close(gradient, expected)
    assert values["relu"].grad_fn is not None

    read = activations(classifier, images, ["second"], gradients=True)["second"]
    (of_it,) = torch.autograd.grad(read.square().sum(), images)
    (same,) = torch.autograd.grad(by_hand(classifier, images)["second"].square().sum(), images)
    torch.testing.assert_close(of_it, same)


def test_the_model_is_as_it_was_after_an_exception(classifier: Classifier) -> None:
    classifier.model.second.train()
    classifier.model.first.weight.requires_grad_(False)
    before = state(classifier)
    with pytest.raises(RuntimeError):
        activations(classifier, torch.rand(1, 4, 24, 24), ["second"])
    with pytest.raises(ZeroDivisionError), tapped(classifier, ["second"]):
        _ = 1 / 0
    with pytest.raises(RequestError):
        activations(classifier, torch.rand(1, 3, 24, 24), ["second", "third"])
    with pytest.raises(RuntimeError):
        last_hidden_layer(classifier, torch.rand(1, 4, 24, 24))
    assert state(classifier) == before


def test_only_as_far_as_the_deepest_layer(classifier: Classifier, images: Tensor) -> None:
    classifier.model.head = nn.Linear(1, 1)  # would fail
    assert activations(classifier, images, ["second"])["second"].shape == (2, 8, 12, 12)


def test_layers_that_cannot_be_read(classifier: Classifier, images: Tensor) -> None:
    with pytest.raises(RequestError, match=r"no layer 'secund'; near it: second"):
        find_layer(classifier, "secund")
    with pytest.raises(RequestError, match="does not call its layer 'idle'"):
        activations(classifier, images, ["idle", "first"])


def test_a_tuple_gives_its_first_tensor() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 3)), nn.LSTM(3, 2))
    images = torch.rand(1, 3, 2, 2)
    torch.testing.assert_close(activations(model, images, ["2"])["2"], model(images)[0])


def test_names_are_the_raw_models(classifier: Classifier) -> None:
    names = [name for name, _ in classifier.model.named_modules() if name]
    assert layer_names(classifier) == layer_names(classifier.model) == names


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str) -> None:
    size, length = FAMILIES[name]
    classifier = load_classifier(name, "random")
    images = torch.rand(2, 3, size, size)
    before = state(classifier)
    hidden = last_hidden_layer(classifier, images)
    read = activations(classifier, images, [hidden])[hidden]
    assert read.shape[:2] == (2, length)
    # The last weights make the scores of what was read, with all that other layers do in between.
    with torch.no_grad():
        head = find_layer(classifier, hidden)(read)
        scores = classifier(images)
    torch.testing.assert_close(
        (head.relu().mean((2, 3)) if head.ndim == 4 else head), scores, rtol=1e-3, atol=1e-5
    )
    assert state(classifier) == before
