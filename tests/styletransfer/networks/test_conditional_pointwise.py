"""The conditional pointwise convolution against one plain convolution for each sample."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from styletransfer.networks.conditional_pointwise import ConditionalPointwiseConv2d


def layer(styles: int = 3, turned: bool = True) -> ConditionalPointwiseConv2d:
    torch.manual_seed(0)
    layer = ConditionalPointwiseConv2d(7, 5, 2, styles).requires_grad_(False)
    if turned:
        layer.turns.normal_()
    return layer


def weight_of(layer: ConditionalPointwiseConv2d, row: Tensor) -> Tensor:
    """W + (Σ w_s·U_s)·V as a loop over styles."""
    weight = layer.weight[:, :, 0, 0].clone()
    for share, turns in zip(row, layer.turns, strict=True):
        weight += share * turns.view(5, 2) @ layer.directions[:, :, 0, 0]
    return weight[:, :, None, None]


def test_each_sample_has_the_convolution_of_its_own_style_weights() -> None:
    ours = layer()
    x, rows = torch.randn(3, 7, 4, 6), torch.tensor([[1.0, 0, 0], [0, 0.25, 0.75], [0, 0, 0]])
    expected = [F.conv2d(x[i : i + 1], weight_of(ours, row)) for i, row in enumerate(rows)]
    assert_close(ours(x, rows), torch.cat(expected))


def test_starts_as_a_plain_convolution_that_a_style_can_change() -> None:
    ours = layer(turned=False).requires_grad_()
    x = torch.randn(1, 7, 4, 6)
    out = ours(x, torch.tensor([[0.0, 1.0, 0.0]]))
    assert_close(out, F.conv2d(x, ours.weight))
    out.square().sum().backward()
    assert ours.turns.grad is not None
    assert ours.turns.grad[1].abs().min() > 0  # its own row, and no other
    assert not ours.turns.grad[[0, 2]].any()


def test_is_linear_in_the_style_weights() -> None:
    ours, x = layer(2), torch.randn(1, 7, 4, 6)
    ends = [ours(x, torch.eye(2)[[i]]) for i in range(2)]
    assert_close(ours(x, torch.tensor([[0.3, 0.7]])), 0.3 * ends[0] + 0.7 * ends[1])
