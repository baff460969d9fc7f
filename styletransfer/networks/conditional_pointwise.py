"""Conditional pointwise convolution: one matrix of channels a style, chosen or blended."""

import torch
from torch import Tensor, nn


class ConditionalPointwiseConv2d(nn.Module):
    """A 1×1 convolution with the weight Σ w_s·W_s and the bias Σ w_s·b_s for the style weights w.

    It goes further than conditional instance norm, which gives each style a scale and a shift of
    the channels: here a style decides how they are mixed. The matrices all start as the same one,
    so that blends of styles mean something from the beginning.

    Args:
        cin, cout: channels of the input and of the output.
        styles: S, at least 1.
        bias: whether there is one.
    """

    def __init__(self, cin: int, cout: int, styles: int, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / cin**0.5
        first = torch.empty(cout, cin).uniform_(-bound, bound)
        self.weight = nn.Parameter(first.repeat(styles, 1, 1))
        self.bias = nn.Parameter(torch.zeros(styles, cout)) if bias else None

    def forward(self, x: Tensor, style_weights: Tensor) -> Tensor:
        """N×`cin`×H×W → N×`cout`×H×W; `style_weights` is N×S."""
        _, cout, cin = self.weight.shape
        weight = (style_weights @ self.weight.flatten(1)).reshape(-1, cout, cin)
        # As a product of matrices, for the samples of a batch may be in different styles.
        if torch.onnx.is_in_onnx_export():
            mixed = self._exported(x, weight)
        else:
            mixed = (weight @ x.flatten(2)).reshape(-1, cout, *x.shape[2:])
        if self.bias is None:
            return mixed
        return mixed + (style_weights @ self.bias)[:, :, None, None]

    def _exported(self, x: Tensor, weight: Tensor) -> Tensor:
        """The same in ONNX operators, the size taken from `x` itself: a 0 keeps a dimension."""
        n, c, h, w = x.shape
        cout = weight.shape[1]
        operator = torch.onnx.ops.symbolic
        flat, keep = torch.tensor([0, 0, -1]), torch.tensor([0, 0])
        columns = operator("Reshape", (x, flat), dtype=x.dtype, shape=(n, c, h * w), version=20)
        size = operator("Shape", (x,), {"start": 2}, dtype=torch.int64, shape=(2,), version=20)
        shape = operator(
            "Concat", (keep, size), {"axis": 0}, dtype=torch.int64, shape=(4,), version=20
        )
        return operator(
            "Reshape", (weight @ columns, shape), dtype=x.dtype, shape=(n, cout, h, w), version=20
        )
