"""The conditional pointwise convolution against one plain convolution for each sample."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from styletransfer.networks.conditional_pointwise import ConditionalPointwiseConv2d


def layer(styles: int = 3, bias: bool = True, trained: bool = True) -> ConditionalPointwiseConv2d:
    torch.manual_seed(0)
    layer = ConditionalPointwiseConv2d(7, 5, styles, bias).requires_grad_(False)
    if trained:
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


def convolved(layer: ConditionalPointwiseConv2d, x: Tensor, row: Tensor) -> Tensor:
    """Weight and bias as a loop over styles."""
    weight = sum(share * matrix for share, matrix in zip(row, layer.weight, strict=True))
    assert isinstance(weight, Tensor)
    bias = None if layer.bias is None else row @ layer.bias
    return F.conv2d(x, weight[:, :, None, None], bias)


@pytest.mark.parametrize("bias", [True, False])
def test_each_sample_has_the_convolution_of_its_own_style_weights(bias: bool) -> None:
    ours = layer(bias=bias)
    x, rows = torch.randn(3, 7, 4, 6), torch.tensor([[1.0, 0, 0], [0, 0.25, 0.75], [0, 0, 0]])
    expected = [convolved(ours, x[i : i + 1], row) for i, row in enumerate(rows)]
    assert_close(ours(x, rows), torch.cat(expected))


def test_all_styles_start_as_one_and_each_can_change_its_own() -> None:
    ours = layer(trained=False).requires_grad_()
    x = torch.randn(1, 7, 4, 6)
    out = ours(x, torch.tensor([[0.0, 1.0, 0.0]]))
    for style in range(3):
        assert_close(out, ours(x, torch.eye(3)[[style]]))
    out.square().sum().backward()
    for parameter in ours.parameters():
        assert parameter.grad is not None
        assert parameter.grad[1].abs().min() > 0  # its own row, and no other
        assert not parameter.grad[[0, 2]].any()


def test_starts_with_the_variance_of_a_plain_convolution() -> None:
    torch.manual_seed(0)
    ours, plain = ConditionalPointwiseConv2d(96, 64, 1), torch.nn.Conv2d(96, 64, 1)
    torch.testing.assert_close(ours.weight.std(), plain.weight.std(), rtol=0.05, atol=0)


def test_is_linear_in_the_style_weights() -> None:
    ours, x = layer(2), torch.randn(1, 7, 4, 6)
    ends = [ours(x, torch.eye(2)[[i]]) for i in range(2)]
    assert_close(ours(x, torch.tensor([[0.3, 0.7]])), 0.3 * ends[0] + 0.7 * ends[1])
