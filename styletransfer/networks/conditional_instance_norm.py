"""Conditional instance normalization: each style has its own γ and β."""

from typing import Any

import torch
from torch import Tensor, nn


class ConditionalInstanceNorm2d(nn.Module):
    """Instance norm whose scale and shift are `style_weights @ γ` and `style_weights @ β`.

    `weight` (γ) and `bias` (β) are S×C. The state of a plain `InstanceNorm2d`, where they have C
    numbers, can be loaded into a layer of one style. The entries `running_mean`, `running_var` and
    `num_batches_tracked` of old files are ignored.

    Args:
        channels: Number of channels, C.
        styles: Number of styles, S, at least 1.
        eps: Value that is added to the variance.

    Raises:
        ValueError: There is no style.

    Reference:
        Dumoulin, Shlens and Kudlur 2017, A Learned Representation For Artistic Style.
    """

    def __init__(self, channels: int, styles: int, eps: float = 1e-5) -> None:
        super().__init__()
        if styles < 1:
            raise ValueError(f"a normalization layer needs at least one style, not {styles}")
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(styles, channels))
        self.bias = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, style_weights: Tensor) -> Tensor:
        """Normalize each channel of each sample of `x` (N×C×H×W) with style rows N×S.

        The statistics are float32 for any precision of `x`. The result has the precision of `x`.
        """
        n, c, h, w = x.shape
        with torch.autocast(x.device.type, enabled=False):
            rows = style_weights.float()
            gamma = (rows @ self.weight.float()).reshape(-1)
            beta = (rows @ self.bias.float()).reshape(-1)
            # γ and β differ from sample to sample. So the batch is treated as one sample of N·C
            # channels, which makes them plain arguments of the operator.
            if torch.onnx.is_in_onnx_export():
                return self._exported(x.float(), gamma, beta).to(x.dtype)
            folded = x.float().reshape(1, -1, h, w)
            # Not `F.instance_norm` or `F.group_norm`, because they refuse 1×1 maps.
            normalized = torch.group_norm(folded, folded.shape[1], gamma, beta, self.eps)
        return normalized.reshape(n, c, h, w).to(x.dtype)

    def _exported(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Compute the same in ONNX operators. In their shapes, 0 keeps a dimension."""
        n, c, h, w = x.shape
        operator = torch.onnx.ops.symbolic
        fold, unfold = torch.tensor([1, -1, 0, 0]), torch.tensor([-1, c, 0, 0])
        folded = operator("Reshape", (x, fold), dtype=x.dtype, shape=(1, n * c, h, w), version=20)
        normalized = operator(
            "InstanceNormalization",
            (folded, gamma, beta),
            {"epsilon": self.eps},
            dtype=x.dtype,
            shape=folded.shape,
            version=20,
        )
        return operator(
            "Reshape", (normalized, unfold), dtype=x.dtype, shape=(n, c, h, w), version=20
        )

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *args: Any) -> None:
        for stale in ("running_mean", "running_var", "num_batches_tracked"):
            state.pop(prefix + stale, None)
        for name in ("weight", "bias"):
            value = state.get(prefix + name)
            if isinstance(value, Tensor) and value.ndim == 1:
                state[prefix + name] = value.unsqueeze(0)
        super()._load_from_state_dict(state, prefix, *args)
