"""Conditional pointwise convolution: each style turns the weight a little, chosen or blended."""

import torch
from torch import Tensor, nn


class ConditionalPointwiseConv2d(nn.Module):
    """A 1×1 convolution with the weight W + (Σ w_s·U_s)·V for the style weights w.

    V is a few directions in the space of the input's channels, which all styles share; U_s says
    where style s sends them. So a style decides more than the scale and shift of each channel
    that conditional instance norm gives it, for a fraction of a matrix of its own. The change is
    of low rank, as in Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models", and
    is linear in the style weights. It starts at 0. There is no bias.

    Args:
        cin, cout: channels of the input and of the output.
        rank: the number of directions.
        styles: S, at least 1.
    """

    def __init__(self, cin: int, cout: int, rank: int, styles: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(cout, cin, 1, 1))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.directions = nn.Parameter(torch.randn(rank, cin, 1, 1) / cin**0.5)
        self.turns = nn.Parameter(torch.zeros(styles, cout * rank))

    def forward(self, x: Tensor, style_weights: Tensor) -> Tensor:
        """N×`cin`×H×W → N×`cout`×H×W; `style_weights` is N×S."""
        cout, rank = len(self.weight), len(self.directions)
        turned = (style_weights @ self.turns).reshape(-1, cout, rank) @ self.directions.flatten(1)
        weight = self.weight.flatten(1) + turned
        # As a product of matrices, for the samples of a batch may be in different styles.
        if torch.onnx.is_in_onnx_export():
            return self._exported(x, weight)
        mixed = weight @ x.flatten(2)
        return mixed.reshape(-1, cout, *x.shape[2:])

    def _exported(self, x: Tensor, weight: Tensor) -> Tensor:
        """The same in ONNX operators, the size taken from `x` itself: a 0 keeps a dimension."""
        n, c, h, w = x.shape
        cout = len(self.weight)
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
