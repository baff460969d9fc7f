"""The compact network against plain operators, and what its module's text claims of it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.testing import assert_close

from styletransfer.networks.compact import Compact, UpsampleConv2d, UpsampleDepthwise2d
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from styletransfer.networks.conditional_pointwise import ConditionalPointwiseConv2d
from tests.styletransfer.networks.variants import randomised

SIZES = [(1, 1), (1, 7), (2, 3), (5, 4), (31, 33), (64, 50)]


def surrounded(network: Compact, image: Tensor, before: int, after: int) -> Tensor:
    """The border's pixels in training; in use the mirror image turned over, rows first."""
    x = image.numpy()
    for axis in (2, 3):
        widths = [(before, after) if dim == axis else (0, 0) for dim in range(4)]
        border = np.pad(x, widths, mode="edge")
        if not network.training:
            turned = np.clip(2 * border - np.pad(x, widths, mode="reflect"), 0, 1)
            turned.swapaxes(0, axis)[before : before + x.shape[axis]] = x.swapaxes(0, axis)
            border = turned
        x = border
    return torch.from_numpy(x)


def reference(network: Compact, image: Tensor, row: Tensor) -> Tensor:
    """What `network` makes of one image and one row of weights, in plain operators.

    np.pad's padding, torch's instance norm, and 5×5 convolutions of really enlarged maps.
    """
    strength = 1 - row[0]

    def norm(layer: ConditionalInstanceNorm2d, x: Tensor, rows: Tensor) -> Tensor:
        return F.instance_norm(x, weight=rows @ layer.weight, bias=rows @ layer.bias)

    def pointwise(layer: ConditionalPointwiseConv2d, x: Tensor) -> Tensor:
        """By the painted styles, whose weights sum to 1."""
        rows = row[1:] / strength
        bias = None if layer.bias is None else rows @ layer.bias
        return F.conv2d(x, torch.einsum("s,soc->oc", rows, layer.weight)[:, :, None, None], bias)

    y = surrounded(network, image, network.margin, network.margin + 3)
    fine = F.relu(F.conv2d(y, network.stem.weight, network.stem.bias, stride=2))
    y = F.relu(F.conv2d(fine, network.shrink.weight, network.shrink.bias, stride=2))
    for block in network.blocks:
        y = F.conv2d(y, block.depthwise.weight, groups=y.shape[1])
        z = norm(block.norm, y, row[1:] / strength)
        y = y + pointwise(block.narrow, F.relu(pointwise(block.widen, z)))
    y = norm(network.reduce_norm, pointwise(network.reduce, y), row[1:])
    height, width = y.shape[2:]
    y = F.interpolate(y, scale_factor=2, mode="bilinear")[:, :, 1:-1, 1:-1]
    mirrored = network.grow.weight[:, :, [0, 1, 0]][..., [0, 1, 0]]
    y = F.conv2d(y, mirrored, groups=y.shape[1])
    assert y.shape[2:] == (2 * height - 4, 2 * width - 4)
    gain = row[1:] @ network.skip_gain
    skip = F.conv2d(fine * gain[:, None, None], network.skip.weight)
    top = (network.margin - 4) // 2  # pixels that are lost to the kernels in between
    y = F.relu(y + skip[:, :, top : top + y.shape[2], top : top + y.shape[3]])
    y = F.conv2d(F.interpolate(y, scale_factor=2, mode="nearest"), network.paint.weight)
    painting = y[:, :, : image.shape[2], : image.shape[3]]
    return row[0] * image + painting + (row[1:] @ network.tint)[:, None, None]


@pytest.mark.parametrize("height, width", [(33, 50), (3, 1)])
@pytest.mark.parametrize("row", [(0, 1, 0), (0.2, 0.3, 0.5)])
@pytest.mark.parametrize("training", [False, True])
def test_equals_plain_operators(
    height: int, width: int, row: tuple[float, ...], training: bool
) -> None:
    network = randomised("compact").train(training)
    image, weights = torch.rand(1, 3, height, width), torch.tensor(row, dtype=torch.float32)
    with torch.no_grad():
        expected = reference(network, image, weights).clamp(0, 1)
        assert_close(network(image, weights[None]), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("height, width", SIZES)
def test_output_has_the_size_of_the_input(height: int, width: int) -> None:
    image = torch.rand(2, 3, height, width)
    with torch.no_grad():
        out = randomised("compact")(image, torch.tensor([[0, 1, 0], [0.5, 0, 0.5]]))
    assert out.shape == image.shape
    assert out.isfinite().all()
    assert out.amin() >= 0
    assert out.amax() <= 1


@pytest.mark.parametrize("kernels", [(3,), (7, 3), (9, 5)])
@pytest.mark.parametrize("height, width", [(1, 1), (10, 11)])
def test_output_has_the_size_of_the_input_with_other_kernels(
    kernels: tuple[int, ...], height: int, width: int
) -> None:
    network = randomised("compact", kernels=kernels, channels=8, hidden=8)
    with torch.no_grad():
        out = network(torch.rand(1, 3, height, width), torch.eye(3)[1:2])
    assert out.shape == (1, 3, height, width)


@pytest.mark.parametrize("height, width", SIZES)
def test_identity_returns_the_image_itself(height: int, width: int) -> None:
    image = torch.rand(2, 3, height, width)
    image[0, :, 0, 0] = torch.tensor([0.0, 1.0, 0.5])
    with torch.no_grad():
        out = randomised("compact")(image, torch.eye(3)[[0, 0]])
    assert torch.equal(out, image)


@pytest.mark.usefixtures("no_clamp")
def test_strength_is_linear() -> None:
    network = randomised("compact")
    image, style = torch.rand(1, 3, 40, 44), torch.tensor([[0.0, 0.3, 0.7]])
    identity = torch.tensor([[1.0, 0.0, 0.0]])
    with torch.no_grad():
        full = network(image, style)
        assert (full - image).abs().mean() > 0.1
        for strength in (0.25, 0.5, 0.9):
            out = network(image, strength * style + (1 - strength) * identity)
            assert_close(out, image + strength * (full - image), atol=1e-4, rtol=1e-4)


def test_each_sample_has_its_own_style() -> None:
    network = randomised("compact")
    image, rows = torch.rand(3, 3, 16, 16), torch.tensor([[1, 0, 0], [0, 0, 1], [0.5, 0.5, 0]])
    with torch.no_grad():
        together = network(image, rows)
        for i in range(3):
            alone = network(image[i : i + 1], rows[i : i + 1])
            assert_close(together[i : i + 1], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("cin, cout, height, width", [(1, 1, 3, 3), (4, 3, 6, 9)])
def test_upsampling_convolution_equals_the_two_steps(
    cin: int, cout: int, height: int, width: int
) -> None:
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


def test_upsampling_leaves_no_grid_where_features_vary() -> None:
    torch.manual_seed(0)
    grow = UpsampleDepthwise2d(8)
    with torch.no_grad():
        energy = F.relu(grow(torch.randn(1, 8, 400, 400))).mean((0, 1))
    # Noise becomes as bright at each of the four pixels of a cell as at the others.
    means = torch.stack([energy[a::2, b::2].mean() for a in range(2) for b in range(2)])
    assert (means.max() - means.min()) / means.mean() < 0.01


def test_upsampling_convolution_is_aligned() -> None:
    layer = UpsampleConv2d(1, 1)
    with torch.no_grad():
        layer.weight.zero_()[0, 0, 2, 2] = 1
    x = torch.rand(1, 1, 5, 4)
    assert_close(layer(x), x[:, :, 1:-1, 1:-1].repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_upsampling_convolution_places_its_phases_as_a_pixel_shuffle() -> None:
    layer, phases = UpsampleConv2d(2, 3), torch.randn(2, 12, 5, 7)
    placed = F.conv_transpose2d(phases, layer.place, stride=2, groups=3)
    assert torch.equal(placed, F.pixel_shuffle(phases, 2))


def test_starts_from_a_flat_tint() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        out = Compact(3)(image, torch.eye(3)[1:2])
    assert 0.01 < out.std() < 0.2
    assert (out - 0.5).abs().mean() < 0.1


@pytest.mark.usefixtures("pointwise_norms", "no_clamp")
@pytest.mark.parametrize("height, width", [(40, 36), (29, 51)])
@pytest.mark.parametrize("kernels", [(5, 3, 5, 3, 5), (3,)])
@pytest.mark.parametrize("training", [False, True])
def test_the_border_is_nothing_but_its_padding(
    height: int, width: int, kernels: tuple[int, ...], training: bool
) -> None:
    # No frame for the network to see: the image really padded, and then more, gives the same.
    network = randomised("compact", kernels=kernels).train(training)
    image, row = torch.rand(1, 3, height, width), torch.tensor([[0.0, 0.5, 0.5]])
    around = 4 * (network.receptive_field // 4)  # cells of 4 pixels stay what they are
    amid = surrounded(network, image, around, around)
    with torch.no_grad():
        expected = network(amid, row)[:, :, around : around + height, around : around + width]
        scale = expected.abs().max().item()
        assert_close(network(image, row), expected, atol=1e-5 * scale, rtol=0)
