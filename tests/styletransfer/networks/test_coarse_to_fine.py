"""The coarse-to-fine network against plain operators, and what its module's text claims of it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from styletransfer.networks.coarse_to_fine import CoarseToFine, Stage
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from tests.styletransfer.networks.variants import SMALL, randomized

SIZES = [(1, 1), (1, 7), (2, 3), (5, 4), (31, 33), (64, 50)]
CELL = 8


def surrounded(image: Tensor, before: int, after: int) -> Tensor:
    """The mirror image turned over about the value of the border, rows first."""
    x = image.numpy()
    for axis in (2, 3):
        widths = [(before, after) if dim == axis else (0, 0) for dim in range(4)]
        border = np.pad(x, widths, mode="edge")
        turned = np.clip(2 * border - np.pad(x, widths, mode="reflect"), 0, 1)
        turned.swapaxes(0, axis)[before : before + x.shape[axis]] = x.swapaxes(0, axis)
        x = turned
    return torch.from_numpy(x)


def plain_stage(
    stage: Stage, padded: Tensor, blend: Tensor, draft: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """What `stage` paints for one row, and its last maps, in plain operators.

    torch's instance norm, and 5×5 convolutions of really enlarged maps.
    """

    def norm(layer: ConditionalInstanceNorm2d, x: Tensor) -> Tensor:
        return F.instance_norm(x, weight=blend @ layer.weight, bias=blend @ layer.bias)

    def enlarged(x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight)

    fine = F.conv2d(padded, stage.stem.weight, stage.stem.bias, stride=2)
    if draft is not None:
        height, width = fine.shape[2:]
        fine = fine + F.conv2d(draft[0], stage.draft_stem.weight)[:, :, :height, :width]
    fine = F.relu(fine)
    y = F.conv2d(fine, stage.shrink.weight, stage.shrink.bias, stride=2)
    if draft is not None:
        height, width = y.shape[2:]
        guide = F.conv2d(draft[1][:, :, 1:, 1:], stage.guide.weight)
        y = y + guide[:, :, :height, :width]
    y = F.relu(y)
    for block in stage.blocks:
        y = F.conv2d(y, block.depthwise.weight, groups=y.shape[1])
        z = F.relu(F.conv2d(norm(block.norm, y), block.widen.weight, block.widen.bias))
        y = y + F.conv2d(z, block.narrow.weight)
    y = norm(stage.reduce_norm, F.conv2d(y, stage.reduce.weight))
    y = F.interpolate(y, scale_factor=2, mode="bilinear")[:, :, 1:-1, 1:-1]
    mirrored = stage.grow.weight[:, :, [0, 1, 0]][..., [0, 1, 0]]
    y = F.conv2d(y, mirrored, groups=y.shape[1])
    skip = F.conv2d(fine * (blend @ stage.skip_gain)[:, None, None], stage.skip.weight)
    top = (stage.margin - 4) // 2  # pixels that are lost to the kernels in between
    y = F.relu(y + skip[:, :, top : top + y.shape[2], top : top + y.shape[3]])
    painted = enlarged(y, stage.paint.weight) + (blend @ stage.tint)[:, None, None]
    if draft is not None:
        # An enlarged pixel lies where that of the padded photograph does, but for the kernel.
        top, (height, width) = stage.margin - 2, painted.shape[2:]
        grown = enlarged(draft[0], stage.enlarge.weight)
        painted = painted + grown[:, :, top : top + height, top : top + width]
    return painted, y


def reference(network: CoarseToFine, image: Tensor, row: Tensor) -> Tensor:
    """What `network` makes of one image and one row of weights, in plain operators."""
    strength = 1 - row[0]
    blend = row[1:] / strength
    height, width = image.shape[2:]
    far, near = 2 * network.coarse.margin, network.fine.margin
    wide = surrounded(image, far + near, far + near + 9)
    draft, maps = plain_stage(network.coarse, F.avg_pool2d(wide, 2), blend)
    close = wide[:, :, far : -far - 6, far : -far - 6]
    painting, _ = plain_stage(network.fine, close, blend, (draft.clamp(0, 1), maps))
    painting = painting[:, :, :height, :width]
    return (row[0] * image + strength * painting).clamp(0, 1)


@pytest.mark.parametrize("height, width", [(33, 50), (3, 1)])
@pytest.mark.parametrize("row", [(0, 1, 0), (0.2, 0.3, 0.5)])
def test_equals_plain_operators(height: int, width: int, row: tuple[float, ...]) -> None:
    network = randomized("compact")
    image, weights = torch.rand(1, 3, height, width), torch.tensor(row, dtype=torch.float32)
    with torch.no_grad():
        expected = reference(network, image, weights)
        # The norms magnify what little three pixels differ by, and the clamp cuts it.
        assert height == 3 or ((expected > 0) & (expected < 1)).float().mean() > 0.5
        assert_close(network(image, weights[None]), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("height, width", [(17, 26), (3, 1)])
def test_a_draft_is_the_coarse_stage_alone(height: int, width: int) -> None:
    network = randomized("compact")
    half, row = torch.rand(1, 3, height, width), torch.tensor([0.0, 0.3, 0.7])
    margin = network.coarse.margin
    with torch.no_grad():
        padded = surrounded(half, margin, margin + 3)
        painted, _ = plain_stage(network.coarse, padded, row[1:])
        expected = painted[:, :, :height, :width].clamp(0, 1)
        assert_close(network.draft(half, row[None]), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("row", [(0, 1, 0), (0.2, 0.3, 0.5)])
@pytest.mark.parametrize("height, width", [(40, 52), (33, 26)])
def test_the_draft_beside_the_output_is_the_one_that_is_revised(
    height: int, width: int, row: tuple[float, ...]
) -> None:
    network = randomized("compact")
    image, weights = torch.rand(1, 3, height, width), torch.tensor([row], dtype=torch.float32)
    margin = 2 * network.coarse.margin + network.fine.margin
    with torch.no_grad():
        output, draft = network.with_draft(image, weights)
        assert torch.equal(output, network(image, weights))
        wide = F.avg_pool2d(surrounded(image, margin, margin + 9), 2)
        painted, _ = plain_stage(network.coarse, wide, weights[0, 1:] / weights[0, 1:].sum())
        start = network.fine.margin // 2
        painted = painted[:, :, start : start + height // 2, start : start + width // 2]
        half = F.avg_pool2d(image, 2)
        expected = row[0] * half + (1 - row[0]) * painted.clamp(0, 1)
        assert_close(draft, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("height, width", SIZES)
def test_output_has_the_size_of_the_input(height: int, width: int) -> None:
    image = torch.rand(2, 3, height, width)
    network, rows = randomized("compact"), torch.tensor([[0, 1, 0], [0.5, 0, 0.5]])
    with torch.no_grad():
        for out in (network(image, rows), network.draft(image, rows)):
            assert out.shape == image.shape
            assert out.isfinite().all()
            assert out.amin() >= 0
            assert out.amax() <= 1


@pytest.mark.parametrize("coarse, fine", [((3,), (3,)), ((7, 3), (5, 9)), ((3, 3), ())])
@pytest.mark.parametrize("height, width", [(3, 1), (10, 11), (15, 16)])
def test_other_kernels_equal_plain_operators(
    coarse: tuple[int, ...], fine: tuple[int, ...], height: int, width: int
) -> None:
    options = {**SMALL, "coarse_kernels": coarse, "fine_kernels": fine}
    network = randomized("compact", **options)
    image, row = torch.rand(1, 3, height, width), torch.eye(3)[1]
    with torch.no_grad():
        assert_close(network(image, row[None]), reference(network, image, row), atol=1e-4, rtol=0)
        # The maps of one pixel are constant, and their norms enlarge mere rounding: no equality.
        one = network(image[:, :, :1, :1], row[None])
    assert one.shape == (1, 3, 1, 1)
    assert 0 <= one.amin() <= one.amax() <= 1


@pytest.mark.parametrize("height, width", SIZES)
def test_identity_returns_the_image_itself(height: int, width: int) -> None:
    image = torch.rand(2, 3, height, width)
    image[0, :, 0, 0] = torch.tensor([0.0, 1.0, 0.5])
    with torch.no_grad():
        out = randomized("compact")(image, torch.eye(3)[[0, 0]])
    assert torch.equal(out, image)


@pytest.mark.usefixtures("no_clamp")
def test_strength_is_linear() -> None:
    network = randomized("compact")
    image, style = torch.rand(1, 3, 40, 44), torch.tensor([[0.0, 0.3, 0.7]])
    identity = torch.tensor([[1.0, 0.0, 0.0]])
    with torch.no_grad():
        full = network(image, style)
        assert (full - image).abs().mean() > 0.1
        for strength in (0.25, 0.5, 0.9):
            out = network(image, strength * style + (1 - strength) * identity)
            assert_close(out, image + strength * (full - image), atol=1e-4, rtol=1e-4)


def test_each_sample_has_its_own_style() -> None:
    network = randomized("compact")
    image, rows = torch.rand(3, 3, 16, 16), torch.tensor([[1, 0, 0], [0, 0, 1], [0.5, 0.5, 0]])
    with torch.no_grad():
        together = network(image, rows)
        for i in range(3):
            alone = network(image[i : i + 1], rows[i : i + 1])
            assert_close(together[i : i + 1], alone, atol=1e-4, rtol=0)


def test_starts_from_a_flat_tint() -> None:
    torch.manual_seed(0)
    image, row = torch.rand(1, 3, 32, 32), torch.eye(3)[1:2]
    network = CoarseToFine(3)
    with torch.no_grad():
        for out in (network(image, row), network.draft(image, row)):
            assert 0.01 < out.std() < 0.2
            assert (out - 0.5).abs().mean() < 0.1


def test_the_fine_stage_starts_from_the_draft_enlarged() -> None:
    network = CoarseToFine(3)
    image, row = torch.rand(1, 3, 40, 48), torch.eye(3)[2:]
    with torch.no_grad():
        network.fine.paint.weight.zero_()
        far, near = 2 * network.coarse.margin, network.fine.margin
        wide = surrounded(image, far + near, far + near + 9)
        draft = network.coarse(F.avg_pool2d(wide, 2), row[:, 1:]).picture
        enlarged = F.interpolate(draft, scale_factor=2, mode="bilinear")
        expected = enlarged[:, :, near : near + 40, near : near + 48]
        assert_close(network(image, row), expected, atol=1e-5, rtol=0)


@pytest.mark.usefixtures("pointwise_norms", "no_clamp")
@pytest.mark.parametrize("height, width", [(40, 36), (29, 51)])
@pytest.mark.parametrize("kernels", [(3,), (5, 3)])
def test_the_border_is_nothing_but_its_padding(
    height: int, width: int, kernels: tuple[int, ...]
) -> None:
    # No frame for the network to see: the image really padded, and then more, gives the same.
    options = {**SMALL, "coarse_kernels": kernels, "fine_kernels": kernels}
    network = randomized("compact", **options)
    image, row = torch.rand(1, 3, height, width), torch.tensor([[0.0, 0.5, 0.5]])
    around = CELL * (network.receptive_field // CELL)  # cells stay what they are
    amid = surrounded(image, around, around)
    with torch.no_grad():
        expected = network(amid, row)[:, :, around : around + height, around : around + width]
        scale = expected.abs().max().item()
        assert_close(network(image, row), expected, atol=1e-5 * scale, rtol=0)
