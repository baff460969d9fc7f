"""How far a network looks: its receptive field, exactly, and that it looks the same everywhere."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from styletransfer.networks import NETWORKS, build_network
from tests.styletransfer.networks.variants import SMALL, randomized

ROW = torch.tensor([[0.0, 1.0]])
# The pixels of one pixel at the smallest size at which a network works.
CELLS = {"compact": 8, "large": 8, "johnson": 4}

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
            # The draft and the painting stay between the clamps.
            network.coarse.paint.weight /= 1000
            network.fine.paint.weight /= 1000
            network.fine.guide.weight /= 1000
    return network


def reach(network: nn.Module, cell: int, transposed: bool) -> list[tuple[int, int]]:
    """How many rows (or columns) before and after its own each output pixel of a cell depends on.

    From the first pixel of the cell to its last.
    """
    half = cell * -(-network.receptive_field // cell)
    strip = torch.full((1, 3, 2 * half + cell, 8), 0.75)
    image = (strip.mT if transposed else strip).contiguous().requires_grad_()
    out: Tensor = network(image, ROW)
    assert out.amin() > 0
    assert out.amax() < 1
    found = []
    for position in range(half, half + cell):
        own = out.select(3 if transposed else 2, position).sum()
        (gradient,) = torch.autograd.grad(own, image, retain_graph=True)
        seen = gradient.abs().sum((0, 1, 2 if transposed else 3)).nonzero().flatten().tolist()
        assert seen[0] > 0
        assert seen[-1] < len(strip[0, 0]) - 1
        found.append((position - seen[0], seen[-1] - position))
    return found


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"stem": 4, "head": 4, "coarse_channels": 4, "fine_channels": 4},
        {**SMALL, "coarse_kernels": (3, 7)},
        {**SMALL, "fine_kernels": ()},
    ],
)
def test_coarse_to_fine_sees_one_square_for_each_cell(
    options: dict[str, object], transposed: bool
) -> None:
    network = averaging("compact", **options)
    margin = network.fine.margin + 2 * network.coarse.margin
    for phase, (before, after) in enumerate(reach(network, 8, transposed)):
        assert (before, after) == (margin + phase, margin + 7 - phase)
        assert before + 1 + after == network.receptive_field


def test_the_square_of_the_shipped_network() -> None:
    assert build_network("compact", 2).receptive_field == 208


@pytest.mark.parametrize("transposed", [False, True])
def test_johnson_sees_its_receptive_field_at_most(transposed: bool) -> None:
    sides = [sum(sight) + 1 for sight in reach(averaging("johnson"), 4, transposed)]
    assert max(sides) == 111


@pytest.mark.usefixtures("no_clamp")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("down, across", [(1, 0), (0, 1), (2, 3)])
def test_a_part_of_the_image_gives_that_part_of_the_output(
    name: str, down: int, across: int
) -> None:
    # At offsets of whole cells; and away from the part's border by half the receptive field,
    # rounded up to whole cells, which is what a tile needs around itself.
    network = randomized(name, styles=2, seed=3)
    cell = CELLS[name]
    around = -(-network.receptive_field // 2 // cell) * cell
    top, left = cell * down, cell * across
    side = 2 * around + 12
    image = torch.rand(1, 3, side + 24, side + 24, generator=torch.Generator().manual_seed(0))
    part = image[:, :, top : top + side, left : left + side]
    with torch.no_grad():
        whole = network(image, ROW)[:, :, top : top + side, left : left + side]
        inner = slice(around, side - around)
        expected, actual = (x[:, :, inner, inner] for x in (whole, network(part, ROW)))
    assert expected.std() > 0.01
    assert_close(actual, expected, atol=1e-4, rtol=1e-4)
