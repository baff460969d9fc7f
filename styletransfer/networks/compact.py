"""Our network: the job of `johnson` at a tenth of the time.

Three ideas make it fast on a CPU and clean at its borders:

- **The image is reflected once, by the whole receptive field, and every convolution after that
  is "valid".** Each output pixel is the same function of its surroundings wherever it lies, so
  there is no frame for the network to see, and no padding between the layers costs time.
- **Nearly all the work is done at a quarter of the size**, in blocks of a separable convolution
  that widens, a norm, and a pointwise convolution that narrows.
- **The last resize-convolution runs at half size.** A 5×5 convolution after nearest-neighbour
  upsampling by 2 equals a 3×3 convolution before it with four outputs, one for each of the four
  pixels that an input pixel becomes; its kernel is the 5×5 kernel, summed. So there is no
  full-size map of many channels, and, unlike a free depth-to-space, no grid: on a constant
  image the four agree.

Style 0, the identity, is the origin of the style space: it has no parameters. With weights w,
f = 1 − w₀ is the strength, and each γ and β is Σ w_s γ_s over the painted styles alone. The
output is (w₀ + Σ w_s gate_s)·image + painting + Σ w_s tint_s, so w₀ = 1 returns the image itself.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer.networks.clamp import clamp_unit
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from styletransfer.networks.reflection import reflect_pad


class SeparableBlock(nn.Module):
    """x + pointwise(ReLU(norm(depthwise(pointwise(x))))), cropped by the depthwise kernel."""

    def __init__(self, channels: int, hidden: int, kernel: int, styles: int) -> None:
        super().__init__()
        self.margin = kernel // 2
        self.widen = nn.Conv2d(channels, hidden, 1, bias=False)
        self.depthwise = nn.Conv2d(hidden, hidden, kernel, groups=hidden, bias=False)
        self.norm = ConditionalInstanceNorm2d(hidden, styles)
        self.narrow = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor, style_weights: Tensor) -> Tensor:
        y = F.relu(self.norm(self.depthwise(self.widen(x)), style_weights))
        change: Tensor = self.narrow(y)
        return crop(x, self.margin) + change


class UpsampleConv2d(nn.Module):
    """Nearest-neighbour upsampling by 2, then a valid 5×5 convolution; run at the lower size.

    N×C×H×W → N×`cout`×2(H−2)×2(W−2).
    """

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(cout, cin, 5, 5))
        # Small, so that training starts from the photograph and not from noise.
        nn.init.normal_(self.weight, std=0.1 / (25 * cin) ** 0.5)
        # merge[a, r, d] = 1 where, for the output pixel of parity a, tap d of the 5×5 kernel
        # falls on the lower-size pixel at offset r − 1.
        merge = torch.zeros(2, 3, 5)
        for a in range(2):
            for d in range(5):
                merge[a, (a + d - 2) // 2 + 1, d] = 1
        self.register_buffer("merge", merge, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel = torch.einsum("ocde,ard,bse->oabcrs", self.weight, self.merge, self.merge)
        return F.pixel_shuffle(F.conv2d(x, kernel.flatten(0, 2)), 2)


class Compact(nn.Module):
    """The fast network; see the module's text.

    `forward(image, style_weights)`: image N×3×H×W in 0..1 of any size from 1×1, style_weights
    N×`styles`; returns N×3×H×W in 0..1.

    Args:
        styles: S, the identity counted, so at least 2.
        channels: of the maps at a quarter of the size.
        hidden: channels inside the blocks.
        stem: channels of the first convolution.
        head: channels of the maps at half size, before the last convolution.
        kernels: side of each block's depthwise convolution, odd and at least 3.
    """

    exact_identity = True

    def __init__(
        self,
        styles: int,
        channels: int = 64,
        hidden: int = 96,
        stem: int = 24,
        head: int = 32,
        kernels: tuple[int, ...] = (5, 3, 5, 3, 5),
    ) -> None:
        super().__init__()
        if styles < 2:
            raise ValueError("a compact network needs the identity and at least one more style")
        if any(k < 3 or k % 2 == 0 for k in kernels):
            raise ValueError(
                f"the kernels of the blocks must be odd and at least 3, not {list(kernels)}"
            )
        self.styles = styles
        self.options: dict[str, Any] = {
            "channels": channels,
            "hidden": hidden,
            "stem": stem,
            "head": head,
            "kernels": list(kernels),
        }
        painted = styles - 1
        # An even kernel, so that the pixels of the output lie exactly on those of the input.
        self.stem = nn.Conv2d(3, stem, 4, stride=2)
        self.shrink = nn.Conv2d(stem, channels, 3, stride=2, bias=False)
        self.shrink_norm = ConditionalInstanceNorm2d(channels, painted)
        self.blocks = nn.ModuleList(
            SeparableBlock(channels, hidden, kernel, painted) for kernel in kernels
        )
        self.reduce = nn.Conv2d(channels, head, 1)
        self.grow = nn.Conv2d(head, head, 5, groups=head, bias=False)
        self.grow_norm = ConditionalInstanceNorm2d(head, painted)
        self.paint = UpsampleConv2d(head, 3)
        self.gate = nn.Parameter(torch.full((painted, 3), 0.5))
        self.tint = nn.Parameter(torch.full((painted, 3), 0.25))
        # How far each layer looks beyond its own pixel, in pixels of the input: 2 for the two
        # strided ones together, 4 for `grow`, 2 for `paint`.
        self.margin = 8 + 4 * sum(kernel // 2 for kernel in kernels)
        # The 4×4 pixels of one pixel at a quarter of the size see the same square.
        self.receptive_field = 2 * self.margin + 4

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        height, width = image.shape[2:]
        # 3 more at the end, so that the strides lose no pixel whatever the size.
        y = reflect_pad(image - 0.5, self.margin, self.margin + 3)
        painted = style_weights[:, 1:]
        y = F.relu(self.stem(y))
        y = F.relu(self.shrink_norm(self.shrink(y), painted))
        for block in self.blocks:
            y = block(y, painted)
        y = F.interpolate(self.reduce(y), scale_factor=2.0, mode="nearest")
        y = F.relu(self.grow_norm(self.grow(y), painted))
        painting = self.paint(y)[:, :, :height, :width]
        gate = style_weights[:, :1] + painted @ self.gate
        tint = painted @ self.tint
        out = gate[:, :, None, None] * image + painting + tint[:, :, None, None]
        return clamp_unit(out)


def crop(x: Tensor, margin: int) -> Tensor:
    """Cut `margin` pixels off each side of `x` (N×C×H×W)."""
    if torch.onnx.is_in_onnx_export():
        n, c, h, w = x.shape
        # One operator for both dimensions, where indexing would export one for each.
        return torch.onnx.ops.symbolic(
            "Slice",
            (x, torch.tensor([margin] * 2), torch.tensor([-margin] * 2), torch.tensor([2, 3])),
            dtype=x.dtype,
            shape=(n, c, h - 2 * margin, w - 2 * margin),
            version=20,
        )
    return x[:, :, margin:-margin, margin:-margin]
