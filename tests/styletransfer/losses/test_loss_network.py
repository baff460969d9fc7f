"""The loss network against torchvision's own models, and with the real weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.testing import assert_close

from styletransfer.losses import LossNetwork
from tests.assets import asset
from tests.styletransfer.losses.conftest import plain_features

# Where torchvision's `features` have each tap, counted by hand in the printed models.
POSITIONS = {
    "vgg16": {
        **{"relu1_1": 1, "relu1_2": 3, "relu2_1": 6, "relu2_2": 8},
        **{"relu3_1": 11, "relu3_2": 13, "relu3_3": 15},
        **{"relu4_1": 18, "relu4_2": 20, "relu4_3": 22},
        **{"relu5_1": 25, "relu5_2": 27, "relu5_3": 29},
    },
    "vgg19": {
        **{"relu1_1": 1, "relu1_2": 3, "relu2_1": 6, "relu2_2": 8},
        **{"relu3_1": 11, "relu3_2": 13, "relu3_3": 15, "relu3_4": 17},
        **{"relu4_1": 20, "relu4_2": 22, "relu4_3": 24, "relu4_4": 26},
        **{"relu5_1": 29, "relu5_2": 31, "relu5_3": 33, "relu5_4": 35},
    },
    "squeezenet1_0": {
        **{"relu1": 1, "fire2": 3, "fire3": 4, "fire4": 5, "fire5": 7},
        **{"fire6": 8, "fire7": 9, "fire8": 10, "fire9": 12},
    },
    "squeezenet1_1": {
        **{"relu1": 1, "fire2": 3, "fire3": 4, "fire4": 6, "fire5": 7},
        **{"fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12},
    },
}


def expected_taps(
    features: nn.Sequential, image: Tensor, taps: dict[str, int]
) -> dict[str, Tensor]:
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    x = (image - mean) / std
    outputs = []
    for layer in features:
        x = layer(x)
        outputs.append(x.clone())  # torchvision's ReLUs write over their input
    return {tap: outputs[position] for tap, position in taps.items()}


@pytest.fixture
def big_path(tmp_path: Path) -> Iterator[Path]:
    """A path without suffix; what lies beside it is not kept with the other temporary files."""
    yield tmp_path / "weights"
    for path in tmp_path.glob("weights.*"):
        path.unlink()


@pytest.mark.parametrize(
    "architecture, suffix",
    [
        ("vgg16", ".pth"),
        ("vgg19", ".safetensors"),
        ("squeezenet1_0", ".safetensors"),
        ("squeezenet1_0", ".pt"),
        ("squeezenet1_1", ".pth"),
    ],
)
def test_taps_are_the_activations_of_torchvisions_model(
    architecture: str, suffix: str, big_path: Path
) -> None:
    features = plain_features(architecture)
    state = {f"features.{name}": value for name, value in features.state_dict().items()}
    path = big_path.with_suffix(suffix)
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    taps = POSITIONS[architecture]
    network = LossNetwork(architecture, list(taps), path)
    image = torch.rand(2, 3, 40, 33)
    features.to(memory_format=torch.channels_last)
    with torch.no_grad():
        actual, expected = network(image), expected_taps(features, image, taps)
    assert list(actual) == list(taps)
    for tap in taps:
        assert expected[tap].std() > 0
        assert torch.equal(actual[tap], expected[tap]), tap


def test_a_file_in_half_precision_makes_a_float32_network(small_file: Path) -> None:
    state = torch.load(small_file)
    torch.save({name: value.half() for name, value in state.items()}, small_file)
    network = LossNetwork("squeezenet1_1", ["fire3"], small_file)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert_close(network.layers[0].weight, state["features.0.weight"], atol=1e-3, rtol=1e-3)


def test_a_whole_classifier_as_a_file(tmp_path: Path) -> None:
    model = torchvision.models.squeezenet1_1(weights=None)
    torch.save(model.state_dict(), tmp_path / "whole.pth")
    network = LossNetwork("squeezenet1_1", ["fire9"], tmp_path / "whole.pth")
    assert torch.equal(network.layers[12].squeeze.weight, model.features[12].squeeze.weight)


def test_layers_behind_the_deepest_tap_are_not_kept(small_file: Path) -> None:
    # The order in which the taps are named is of no account.
    network = LossNetwork("squeezenet1_1", ["fire3", "relu1"], small_file)
    assert len(network.layers) == 5
    assert list(network(torch.rand(1, 3, 32, 32))) == ["relu1", "fire3"]


def test_deepest_stops_there(small_file: Path) -> None:
    network = LossNetwork("squeezenet1_1", ["relu1", "fire2", "fire3"], small_file)
    ran: list[int] = []
    for position, layer in enumerate(network.layers):
        layer.register_forward_hook(lambda *_, position=position: ran.append(position))
    image = torch.rand(1, 3, 32, 32)
    whole = network(image)
    assert ran == [0, 1, 2, 3, 4]
    ran.clear()
    part = network(image, deepest="fire2")
    assert ran == [0, 1, 2, 3]
    assert list(part) == ["relu1", "fire2"]
    for tap, features in part.items():
        assert torch.equal(features, whole[tap])


def test_no_layer_writes_over_its_input(small_file: Path) -> None:
    network = LossNetwork("squeezenet1_1", ["fire3"], small_file)
    x = torch.rand(1, 3, 32, 32) - 0.5
    for layer in network.layers:
        before = x.clone()
        after = layer(x)
        assert torch.equal(x, before)
        x = after


def test_is_frozen_but_passes_gradients_to_the_image(small_file: Path) -> None:
    network = LossNetwork("squeezenet1_1", ["fire3"], small_file)
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    network(image)["fire3"].square().sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_random_weights_leave_the_seed_alone() -> None:
    def draw(build: bool) -> Tensor:
        torch.manual_seed(5)
        if build:
            LossNetwork("squeezenet1_1", ["fire2"], "random")
        return torch.rand(3)

    assert torch.equal(draw(build=True), draw(build=False))


def test_random_weights_repeat_and_leave_the_generator_alone() -> None:
    def build(seed: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(seed)
        weights = LossNetwork("squeezenet1_1", ["fire2"], "random").layers[0].weight
        return weights, torch.rand(3)

    first, other = build(1), build(2)
    assert torch.equal(first[0], other[0])
    torch.manual_seed(1)
    assert torch.equal(first[1], torch.rand(3))


@pytest.mark.parametrize("weights, asked", [("default", "DEFAULT"), ("random", None)])
def test_what_torchvision_is_asked_for(
    weights: str, asked: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = torchvision.models.squeezenet1_1
    calls = []

    def recorded(*, weights: str | None) -> nn.Module:
        calls.append(weights)
        return original(weights=None)  # the download is torchvision's affair

    monkeypatch.setattr(torchvision.models, "squeezenet1_1", recorded)
    LossNetwork("squeezenet1_1", ["fire2"], weights)
    assert calls == [asked]


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_pooling(pooling: Literal["max", "average"], small_file: Path) -> None:
    network = LossNetwork("squeezenet1_1", ["relu1", "pool1", "fire3"], small_file, pooling=pooling)
    image = torch.rand(1, 3, 40, 47, generator=torch.Generator().manual_seed(0))
    features = network(image)
    assert list(features) == ["relu1", "pool1", "fire3"]
    pool = F.max_pool2d if pooling == "max" else F.avg_pool2d
    pooled = pool(features["relu1"], 3, 2, ceil_mode=True)
    assert_close(features["pool1"], pooled)
    # What follows has the file's weights, whatever the pooling before it.
    rest = plain_features("squeezenet1_1")[3:5]
    assert_close(features["fire3"], rest(pooled).detach())


# What it sees beyond an image's border


@pytest.mark.parametrize(
    ("architecture", "taps"),
    [
        ("vgg19", ["relu1_1", "relu1_2", "pool1", "relu2_1", "relu3_3"]),
        ("vgg16", ["relu2_2", "relu4_1"]),
        ("vgg19", ["pool3"]),
        ("squeezenet1_1", ["relu1", "fire2", "pool2", "fire5"]),
        ("squeezenet1_0", ["relu1", "fire3"]),
    ],
)
def test_features_of_an_image_are_those_amid_a_far_larger_mirror_image(
    architecture: str, taps: list[str]
) -> None:
    network = LossNetwork(architecture, taps, "random").double()
    image = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0)).double()
    far = network(F.pad(image, [48] * 4, "reflect"))
    for tap, found in network.unbounded(image).items():
        rows, columns = found.shape[2:]
        first = 48 * columns // 80
        assert_close(found, far[tap][..., first : first + rows, first : first + columns])
        assert rows * 80 == columns * 64


def test_a_flat_image_is_flat_up_to_its_border() -> None:
    flat = torch.full((1, 3, 16, 16), 0.9)
    net = LossNetwork("vgg19", ["relu2_1"], "random")
    seen = net.unbounded(flat)["relu2_1"]
    assert seen.shape[2:] == (8, 8)
    assert seen.amax((2, 3)).allclose(seen.amin((2, 3)), atol=1e-5)
    walled = net(flat)["relu2_1"]
    assert not walled.amax((2, 3)).allclose(walled.amin((2, 3)), atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 40)])
@pytest.mark.parametrize("architecture", ["vgg16", "vgg19", "squeezenet1_0", "squeezenet1_1"])
def test_every_tap_reads_an_image_smaller_than_a_cell(
    architecture: str, size: tuple[int, int]
) -> None:
    for tap in POSITIONS[architecture]:
        found = LossNetwork(architecture, [tap], "random").unbounded(torch.rand(1, 3, *size))
        assert min(found[tap].shape) >= 1, tap


# The real weights


def test_real_weights_have_a_mean_activation_of_one() -> None:
    weights = asset("weights/vgg19_relu3_4.safetensors")
    photographs = sorted(asset("images/imagenet-1000").iterdir())[::125]
    taps = [tap for tap, position in POSITIONS["vgg19"].items() if position <= 17]
    network = LossNetwork("vgg19", taps, weights)
    means = {tap: [] for tap in taps}
    for path in photographs:
        with Image.open(path) as photograph:
            pixels = np.asarray(photograph.convert("RGB"), np.float32)[48:208, 48:208] / 255
        with torch.no_grad():
            for tap, features in network(torch.from_numpy(pixels).permute(2, 0, 1)[None]).items():
                means[tap].append(float(features.mean()))
    for tap in taps:
        assert 0.7 < np.mean(means[tap]) < 1.4, (tap, np.mean(means[tap]))
