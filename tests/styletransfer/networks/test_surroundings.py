"""How far a network looks: its receptive field, exactly, and that it looks the same everywhere."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from styletransfer.networks import NETWORKS, build_network
from tests.styletransfer.networks.variants import randomised

ROW = torch.tensor([[0.0, 1.0]])
CELL = 4

pytestmark = pytest.mark.usefixtures("pointwise_norms")


def averaging(name: str, **options: object) -> nn.Module:
    """A network all of whose kernels are positive, so that no two ways of a pixel cancel."""
    network = build_network(name, 2, **options)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.fill_(1 / parameter[0].numel())
        if name == "johnson":
            # Each residual block doubles; so the output is as bright as the image, not clamped.
            network.deconv3.conv2d.weight /= 2**5
            for module in network.modules():
                if isinstance(module, nn.Conv2d):
                    module.bias.zero_()
        else:
            network.paint.weight /= 1000
    return network


def reach(network: nn.Module, phase: int, transposed: bool) -> tuple[int, int]:
    """How many rows (or columns) before and after its own an output pixel depends on.

    `phase` is the pixel's row in its cell.
    """
    half = CELL * (network.receptive_field // CELL)
    strip = torch.full((1, 3, 2 * half + CELL, 8), 0.75)
    image = (strip.mT if transposed else strip).contiguous().requires_grad_()
    out: Tensor = network(image, ROW)
    assert out.amin() > 0
    assert out.amax() < 1
    position = half + phase
    (gradient,) = torch.autograd.grad(out.select(3 if transposed else 2, position).sum(), image)
    seen = gradient.abs().sum((0, 1, 2 if transposed else 3)).nonzero().flatten().tolist()
    assert seen[0] > 0
    assert seen[-1] < len(strip[0, 0]) - 1
    return position - seen[0], seen[-1] - position


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("name, options", [("compact", {}), ("compact", {"kernels": (3, 7)})])
def test_compact_sees_one_square_for_each_cell(
    name: str, options: dict[str, object], transposed: bool
) -> None:
    network = averaging(name, **options)
    for phase in range(CELL):
        before, after = reach(network, phase, transposed)
        assert (before, after) == (network.margin + phase, network.margin + 3 - phase)
        assert before + 1 + after == network.receptive_field


@pytest.mark.parametrize("transposed", [False, True])
def test_johnson_sees_its_receptive_field_at_most(transposed: bool) -> None:
    network = averaging("johnson")
    sides = [sum(reach(network, phase, transposed)) + 1 for phase in range(CELL)]
    assert max(sides) == network.receptive_field


@pytest.mark.usefixtures("no_clamp")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("top, left", [(4, 0), (0, 4), (8, 12)])
def test_a_part_of_the_image_gives_that_part_of_the_output(name: str, top: int, left: int) -> None:
    # At offsets of whole cells; and away from the part's border by half the receptive field,
    # rounded up to whole cells, which is what a tile needs around itself.
    network = randomised(name, styles=2, seed=3)
    around = -(-network.receptive_field // 2 // CELL) * CELL
    side = 2 * around + 12
    image = torch.rand(1, 3, side + 24, side + 24, generator=torch.Generator().manual_seed(0))
    part = image[:, :, top : top + side, left : left + side]
    with torch.no_grad():
        whole = network(image, ROW)[:, :, top : top + side, left : left + side]
        inner = slice(around, side - around)
        expected, actual = (x[:, :, inner, inner] for x in (whole, network(part, ROW)))
    assert expected.std() > 0.01
    assert_close(actual, expected, atol=1e-4, rtol=1e-4)
