"""What ordinary models bring: views, caches, odd outputs and channels, half precision, wrappers."""

import copy
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from interp import (
    Classifier,
    activation_maps,
    attack_images,
    list_layers,
    load_classifier,
    measure_robustness,
    pgd,
    saliency_map,
    sanity_check,
)
from interp.features.extraction import extract
from interp.network.photographs import read_pixels
from interp.network.taps import activations, find_layer
from interp.saliency import METHODS, Method
from interp.saliency.cam import grad_cam, last_map_layer
from interp.saliency.covering import occlusion
from interp.saliency.gradients import gradient
from interp.saliency.guided import guided_backprop
from interp.saliency.maps import Neuron
from interp.saliency.methods import explain
from interp.saliency.targets import class_probability, class_score, layer_value
from interp.synthesis.class_images import class_image
from interp.synthesis.dream import DreamSettings, deep_dream
from interp.synthesis.inversion import invert
from interp.synthesis.recipes import Recipe
from styletransfer.errors import RequestError, WorkError


class Net(nn.Module):
    """A small network that views its maps as vectors, and keeps a tensor of its first pass."""

    def __init__(self, channels: int = 3, classes: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 6, 3, padding=1)
        self.relu = nn.ReLU()
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6 * 12 * 12, classes)
        self.kept: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.kept is None:
            self.kept = torch.ones_like(x[:1, :1, :1, :1])
        x = self.relu(self.conv(x * self.kept))
        x = self.relu(self.second(x))
        return self.head(x.view(len(x), -1))


def net(channels: int = 3, classes: int = 4) -> Net:
    torch.manual_seed(0)
    return Net(channels, classes).eval()


def _classifier(model: nn.Module) -> Classifier:
    return model if isinstance(model, Classifier) else Classifier(model, size=12)


def _explained(method: Method, model: nn.Module, images: Tensor) -> Tensor:
    return explain(method, model, images, class_score(1))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))


# What each technique gives for a model whose layers are `Net`'s.
TECHNIQUES: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    **{name: partial(_explained, name) for name in METHODS},
    "pgd": lambda model, x: pgd(model, x, torch.tensor([0, 1]), steps=2),
    "robustness": lambda model, x: measure_robustness(model, [(x, torch.tensor([0, 1]))], [0.1]),
    "activations": lambda model, x: activations(model, x, ["second"])["second"],
    "maps": lambda model, x: activation_maps(_classifier(model), x[:1], "conv"),
    "features": lambda model, x: torch.from_numpy(extract(_classifier(model), x).values),
    "layers": lambda model, x: list_layers(_classifier(model)),
    "sanity": lambda model, x: sanity_check(model, x[:1], 1),
    "saliency": lambda model, x: saliency_map(model, x, "occlusion", classes=1),
    "class image": lambda model, x: (
        class_image(_classifier(model), class_score(1), Recipe(steps=1, jitter=1)).picture
    ),
    "dream": lambda model, x: (
        deep_dream(model, x[:1], "conv", DreamSettings(octaves=1, steps=1)).picture
    ),
    "inversion": lambda model, x: invert(model, x[:1], "conv", steps=1).picture,
}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_no_technique_changes_a_model(technique: str, images: Tensor) -> None:
    model = net().train()
    model.head.bias.grad = torch.ones(4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    TECHNIQUES[technique](model, images)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.requires_grad for p in model.parameters())
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["head.bias"]
    assert torch.equal(model.head.bias.grad, torch.ones(4))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model.kept is None or not model.kept.is_inference()
    loss = F.cross_entropy(model(images), torch.tensor([0, 1]))
    loss.backward()  # what is kept can be used in training
    assert torch.equal(model.eval()(images), net()(images))


def test_occlusion_keeps_the_layout_of_the_images(images: Tensor) -> None:
    seen: list[bool] = []

    def look(model: nn.Module, x: Tensor) -> Tensor:
        seen.append(x.is_contiguous())
        return x.sum((1, 2, 3))

    occlusion(net(), images, look, window=6, stride=6)
    assert all(seen)
    seen.clear()
    occlusion(net(), images.to(memory_format=torch.channels_last), look, window=6, stride=6)
    assert not any(seen[1:])


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision(precision: torch.dtype, images: Tensor) -> None:
    for name, technique in TECHNIQUES.items():
        value = technique(net().to(precision), images)
        if isinstance(value, Tensor):
            assert value.isfinite().all(), name
        if name in ("gradient", "grad-cam", "occlusion", "maps"):
            whole = technique(net(), images)
            assert (value.float() - whole).norm() / whole.norm() < 0.15, name


def test_features_of_a_model_in_bfloat16(folder: Path) -> None:
    paths = sorted(folder.rglob("*.png"))[:3]
    whole = extract(Classifier(net(), size=12), paths, "conv").values
    half = extract(Classifier(net().bfloat16(), size=12), paths, "conv").values
    np.testing.assert_allclose(half, whole, atol=0.02)


def test_within_inference_mode(images: Tensor) -> None:
    for name, technique in TECHNIQUES.items():
        expected = technique(net(), images)
        with torch.inference_mode():
            found = technique(net_outside, images)
        if isinstance(expected, Tensor):
            torch.testing.assert_close(found, expected, msg=name)


net_outside = net()


@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels(channels: int) -> None:
    images = torch.rand(2, channels, 12, 12)
    model = net(channels)
    for method in METHODS:
        values = explain(method, model, images, class_score(1))
        assert values.shape == (2, 12, 12)
    slopes = gradient(model, images, class_score(1))
    pixels = images.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(pixels)[:, 1].sum(), pixels)
    torch.testing.assert_close(slopes, expected)
    assert (pgd(model, images, torch.tensor([0, 1])) - images).abs().amax() > 0


def test_a_picture_for_a_model_of_one_channel_is_its_luminance() -> None:
    picture = np.zeros((12, 12, 3), np.uint8)
    picture[..., 1] = 200
    maps = saliency_map(Classifier(net(1), size=12), picture)
    assert [values.shape for values in maps.maps] == [(12, 12)]
    assert abs(int(maps.photographs[0][0, 0, 0]) - 0.587 * 200) < 1
    with pytest.raises(RequestError, match="takes 4 channels, which no picture has"):
        saliency_map(Classifier(net(4), size=12), picture)


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


def test_a_shared_module_by_either_of_its_names(images: Tensor) -> None:
    model = net()
    model.other = model.conv
    assert find_layer(model, "other") is find_layer(model, "conv")
    read = activations(model, images, ["other", "conv"])
    assert torch.equal(read["other"], read["conv"])


def test_grad_cam_of_a_network_of_one_convolution(images: Tensor) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert last_map_layer(model, images) == "0"
    # The mean gradient of the mean of a map is that of one over its places.
    expected = (model[0](images)[:, 1] / 100).relu()
    found = grad_cam(model, images, class_score(1), layer="0")
    expected = F.interpolate(expected[:, None], (12, 12), mode="bilinear")[:, 0]
    torch.testing.assert_close(found, expected.detach())


def test_a_compiled_model_is_read_by_its_own_names(images: Tensor) -> None:
    compiled = torch.compile(net())
    torch.testing.assert_close(
        activations(compiled, images, ["second"])["second"],
        activations(net(), images, ["second"])["second"],
    )
    expected = guided_backprop(net(), images, class_score(1))
    torch.testing.assert_close(guided_backprop(compiled, images, class_score(1)), expected)


@pytest.mark.parametrize("reentrant", [True, False])
def test_activation_checkpointing(reentrant: bool, images: Tensor) -> None:
    class Saving(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = checkpoint(lambda x: self.relu(self.conv(x)), x, use_reentrant=reentrant)
            x = checkpoint(lambda x: self.relu(self.second(x)), x, use_reentrant=reentrant)
            return self.head(x.view(len(x), -1))

    torch.manual_seed(0)
    saving = Saving().eval()
    expected = gradient(net(), images, class_score(1))
    torch.testing.assert_close(gradient(saving, images, class_score(1)), expected)
    with pytest.raises(RequestError, match="turn activation checkpointing off"):
        guided_backprop(saving, images, class_score(1))


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


def test_weights_of_ones_own(tmp_path: Path) -> None:
    import torchvision

    torch.manual_seed(3)
    own = torchvision.models.resnet18(num_classes=10).eval()
    state = own.state_dict()
    images = torch.rand(1, 3, 64, 64)
    files = {
        "plain": state,
        "wrapped": {"epoch": 3, "state_dict": state},
        "ddp": {f"module.{key}": value for key, value in state.items()},
        "lightning": {
            "state_dict": {
                **{f"net.model.{key}": value for key, value in state.items()},
                "loss.weight": torch.ones(3),
            },
            "hyper_parameters": {"lr": 0.1},
        },
    }
    for name, content in files.items():
        torch.save(copy.deepcopy(content), tmp_path / f"{name}.ckpt")
        classifier = load_classifier("resnet18", tmp_path / f"{name}.ckpt")
        scores = classifier.model(images)
        torch.testing.assert_close(scores, own(images), msg=name)
        assert classifier.names == ()


def test_an_attack_of_files_tells_which_it_left_as_they_were(folder: Path) -> None:
    path = sorted(folder.rglob("*.png"))[0]
    flat = Classifier(Wrapped(lambda scores: 0 * scores), size=12)
    lines: list[str] = []
    found = attack_images(flat, [path], report=lines.append)
    assert [line.startswith(f"{path}: 1 of 1 images are as they were") for line in lines] == [True]
    np.testing.assert_array_equal(found.images[0], found.adversarial[0])


def test_pictures_lie_in_memory_as_tensors_do(folder: Path) -> None:
    path = sorted(folder.rglob("*.png"))[0]
    classifier = Classifier(net(), size=12)  # views its maps as vectors
    pixels = read_pixels(classifier, path)
    assert pixels.is_contiguous()
    assert classifier(pixels).shape == (1, 4)
