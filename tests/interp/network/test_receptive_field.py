"""Receptive fields against brute force: a NaN in the pixels, and the gradient's support."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from interp.network.classifier import Classifier, load_classifier
from interp.network.layers import list_layers
from interp.network.receptive_field import receptive_fields
from interp.network.taps import activations
from styletransfer.errors import RequestError

# A size that is small, and layers before and after what is special in each family.
FAMILIES = {
    "squeezenet1_1": (65, ["features.2", "features.4", "features.12"]),
    "resnet18": (64, ["maxpool", "layer1", "layer2.0.downsample", "layer3.0.bn1", "fc"]),
    "googlenet": (48, ["conv2", "inception3a", "inception3b.branch3.1", "inception4a"]),
    "inception_v3": (75, ["Conv2d_2b_3x3", "Mixed_5b", "Mixed_6a", "Mixed_6b.branch7x7dbl_3"]),
    "densenet121": (48, ["features.pool0", "features.denseblock1", "features.transition1"]),
    "mobilenet_v2": (48, ["features.1", "features.4"]),
    "mobilenet_v3_small": (48, ["features.0", "features.1.block.0", "features.1"]),
    "efficientnet_b0": (48, ["features.0", "features.1.0.block.0", "features.2"]),
    "shufflenet_v2_x0_5": (64, ["maxpool", "stage2.0", "stage2.1", "stage2"]),
    "mnasnet0_5": (48, ["layers.3", "layers.8"]),
}


def seen_by_brute_force(model: nn.Module, layers: list[str], size: int) -> dict[str, np.ndarray]:
    """The boxes H×W×4 of what turns NaN when a row or a column of the image does."""
    images = torch.rand(1, 3, size, size).repeat(2 * size, 1, 1, 1)
    for line in range(size):
        images[line, :, line] = torch.nan
        images[size + line, :, :, line] = torch.nan
    boxes = {}
    for layer, values in activations(model, images, layers).items():
        touched = values.isnan().reshape(*values.shape[:2], *(values.shape[2:] or (1, 1))).any(1)
        rows, columns = touched[:size].numpy(), touched[size:].numpy()
        starts = [lines.argmax(0) for lines in (rows, columns)]
        ends = [size - lines[::-1].argmax(0) for lines in (rows, columns)]
        boxes[layer] = np.stack([*starts, *ends], -1)
    return boxes


@pytest.mark.parametrize("name", FAMILIES)
def test_families_equal_brute_force(name: str) -> None:
    size, layers = FAMILIES[name]
    model = load_classifier(name, "random").model
    fields = receptive_fields(model, layers, size)
    for layer, expected in seen_by_brute_force(model, layers, size).items():
        np.testing.assert_array_equal(fields[layer].boxes, expected, err_msg=layer)


class Mixed(nn.Module):
    """Every kind of window and of border, with branches that meet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 5, stride=2, padding=1)
        self.dilated = nn.Conv2d(4, 4, 3, padding=4, dilation=3, groups=2)
        self.wide = nn.Conv2d(4, 4, (1, 5), padding=(1, 2))
        self.ceil = nn.AvgPool2d(3, 2, ceil_mode=True)
        self.last = nn.Conv2d(8, 2, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        sides = [self.dilated(x)[:, :, 1:-1, 1:-1], self.wide(x)[:, :, 1:-1]]
        return self.last(self.ceil(torch.cat(sides, 1)))


def test_the_gradients_support() -> None:
    model = Mixed()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)  # all positive: no two paths cancel
    size = (23, 30)
    image = torch.rand(1, 3, *size, requires_grad=True)
    output = model(image)[0, 0]
    boxes = receptive_fields(model, ["last"], size)["last"].boxes
    assert boxes.shape[:2] == output.shape
    for row, column in np.ndindex(*output.shape):
        (gradient,) = torch.autograd.grad(output[row, column], image, retain_graph=True)
        rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
        support = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        assert boxes[row, column].tolist() == support


@pytest.mark.parametrize(
    ("name", "layer", "side"),
    [
        ("resnet18", "layer2.1.bn2", 99),  # by the closed form of Araujo, Norris and Sim 2019
        ("squeezenet1_0", "features.3", 19),
    ],
)
def test_known_numbers(name: str, layer: str, side: int) -> None:
    model = load_classifier(name, "random").model
    assert receptive_fields(model, [layer], 224)[layer].size == (side, side)


def test_what_is_flat_or_attends_sees_everything() -> None:
    model = VisionTransformer(32, 8, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16)
    layers = ["conv_proj", "encoder.layers.encoder_layer_0", "heads.head"]
    fields = receptive_fields(model, layers, 32)
    assert fields["conv_proj"].boxes.shape == (4, 4, 4)
    assert fields["conv_proj"].size == (8, 8)
    for layer in layers[1:]:
        assert fields[layer].boxes.tolist() == [[[0, 0, 32, 32]]]


def test_an_unknown_layer() -> None:
    with pytest.raises(RequestError, match="near it: 0"):
        receptive_fields(nn.Sequential(nn.Conv2d(3, 1, 1)), ["O"], 8)


def test_the_list_of_layers(classifier: Classifier) -> None:
    layers = {layer.name: layer for layer in list_layers(classifier)}
    assert list(layers) == ["first", "norm", "relu", "second", "drop", "head"]
    second = layers["second"]
    assert (second.kind, second.shape, second.receptive_field) == ("Conv2d", (8, 12, 12), (7, 7))
    assert (layers["head"].shape, layers["head"].receptive_field) == ((5,), (24, 24))
