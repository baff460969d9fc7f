"""What ordinary models bring: views, caches, odd outputs and channels, half precision, wrappers."""

import copy
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
from interp.saliency.methods import explain
from interp.saliency.targets import class_score
from interp.synthesis.class_images import class_image
from interp.synthesis.dream import DreamSettings, deep_dream
from interp.synthesis.inversion import invert
from interp.synthesis.recipes import Recipe
from styletransfer.errors import RequestError
from tests.interp.small_net import Net, net


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


class Viewing(nn.Module):
    """One that fails where its maps have the channels last, or computes something else."""

    def __init__(self, *, silent: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(400, 2)
        self.silent = silent

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x)
        if self.silent:  # as it lies in memory
            return self.head(maps.as_strided((len(x), 400), (400, 1)))
        return self.head(maps.view(len(x), 400))


@pytest.mark.parametrize("silent", [False, True])
def test_occlusion_of_a_model_that_depends_on_the_layout(images: Tensor, silent: bool) -> None:
    torch.manual_seed(0)
    model = Viewing(silent=silent)
    ours = occlusion(model, images, class_score(1), window=6, stride=6)
    covered = images[1:].clone()
    covered[..., :6, 6:] = 0.5
    with torch.no_grad():
        fall = (model(images[1:]) - model(covered))[0, 1]
    torch.testing.assert_close(ours[1, 0, 11], fall)


def test_occlusion_computes_with_the_channels_last(images: Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(400, 2))
    weights = dict(model.named_parameters())
    seen: list[bool] = []
    model[0].register_forward_hook(lambda _, __, maps: seen.append(maps.is_contiguous()))
    occlusion(model, images, class_score(1), window=6, stride=6)
    assert seen[0] and not any(seen[1:])
    assert all(value is weights[name] for name, value in model.named_parameters())
    model(images)
    assert seen[-1]


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


def test_pictures_lie_in_memory_as_tensors_do(folder: Path) -> None:
    path = sorted(folder.rglob("*.png"))[0]
    classifier = Classifier(net(), size=12)  # views its maps as vectors
    pixels = read_pixels(classifier, path)
    assert pixels.is_contiguous()
    assert classifier(pixels).shape == (1, 4)
