"""Upsampling at the lower size against convolutions of really enlarged maps."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from styletransfer.networks.upsampling import UpsampleConv2d, UpsampleDepthwise2d


def test_depthwise_equals_a_bilinear_enlargement_and_a_mirrored_kernel() -> None:
    layer = UpsampleDepthwise2d(5)
    x = torch.randn(2, 5, 6, 9)
    enlarged = F.interpolate(x, scale_factor=2, mode="bilinear")[:, :, 1:-1, 1:-1]
    kernel = layer.weight[:, :, [0, 1, 0]][..., [0, 1, 0]]
    assert layer(x).shape == (2, 5, 8, 14)
    assert_close(layer(x), F.conv2d(enlarged, kernel, groups=5), atol=1e-5, rtol=1e-5)


def test_depthwise_leaves_no_grid_where_features_vary() -> None:
    torch.manual_seed(0)
    grow = UpsampleDepthwise2d(8)
    with torch.no_grad():
        energy = F.relu(grow(torch.randn(1, 8, 400, 400))).mean((0, 1))
    # Noise becomes as bright at each of the four pixels of a cell as at the others.
    means = torch.stack([energy[a::2, b::2].mean() for a in range(2) for b in range(2)])
    assert (means.max() - means.min()) / means.mean() < 0.01


@pytest.mark.parametrize("cin, cout, height, width", [(1, 1, 3, 3), (4, 3, 6, 9)])
def test_convolution_equals_the_two_steps(cin: int, cout: int, height: int, width: int) -> None:
    layer = UpsampleConv2d(cin, cout)
    nn.init.normal_(layer.weight)
    x = torch.randn(2, cin, height, width)
    enlarged = F.interpolate(x, scale_factor=2, mode="nearest")
    actual, expected = layer(x), F.conv2d(enlarged, layer.weight)
    assert actual.shape == (2, cout, 2 * height - 4, 2 * width - 4)
    assert_close(actual, expected, atol=1e-5, rtol=1e-5)
    # So has its gradient: it trains as the two steps would.
    above = torch.randn_like(actual)
    (mine,) = torch.autograd.grad(actual, layer.weight, above)
    (theirs,) = torch.autograd.grad(expected, layer.weight, above)
    assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_convolution_is_aligned() -> None:
    layer = UpsampleConv2d(1, 1)
    with torch.no_grad():
        layer.weight.zero_()[0, 0, 2, 2] = 1
    x = torch.rand(1, 1, 5, 4)
    assert_close(layer(x), x[:, :, 1:-1, 1:-1].repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_convolution_can_start_as_a_bilinear_enlargement() -> None:
    layer = UpsampleConv2d(4, 3)
    layer.start_bilinear()
    x = torch.rand(2, 4, 7, 6)
    expected = F.interpolate(x[:, :3], scale_factor=2, mode="bilinear")[:, :, 2:-2, 2:-2]
    assert_close(layer(x), expected)


def test_convolution_places_its_phases_as_a_pixel_shuffle() -> None:
    layer, phases = UpsampleConv2d(2, 3), torch.randn(2, 12, 5, 7)
    placed = F.conv_transpose2d(phases, layer.place, stride=2, groups=3)
    assert torch.equal(placed, F.pixel_shuffle(phases, 2))
    assert torch.equal(layer.placed(phases), placed)
