"""Our network: the job of `johnson` in about a tenth of its time.

Seven ideas make it fast on a CPU, and clean:

- **The image is padded once, by the whole receptive field, and every convolution after that
  is "valid".** Each output pixel is the same function of its surroundings wherever it lies, and
  no padding between the layers costs time. The padding is a mirror image turned over, but in
  training it repeats the border's pixels: a network that learns on mirror images learns to see
  their axis, and paints it as a line; one that learns on repeated pixels fades towards them. The
  one that has learnt on these and is given those paints on, as if the picture went on.
- **Nearly all the work is done at a quarter of the size**, in blocks of a depthwise convolution,
  a norm, and two pointwise convolutions. The norm stands where the maps are narrow, and the
  depthwise convolution is part of the residual path, so that nothing is cropped for the sum.
- **The last resize-convolution runs at half size.** A 5×5 convolution after nearest-neighbour
  upsampling by 2 equals a 3×3 convolution before it with four outputs, one for each of the four
  pixels that an input pixel becomes; its kernel is the 5×5 kernel, summed. So there is no
  full-size map of many channels, and, unlike a free depth-to-space, no grid: on a constant
  image the four agree.
- **The upsampling before it is bilinear, with symmetric kernels**, folded into one depthwise
  convolution: as fast as nearest-neighbour upsampling, without its steps, and without a grid.
- **The last norm stands before the upsampling**, where there is a quarter of the work.
- **A style has pointwise convolutions of its own.** What all share is how the network looks
  around, and what each painting mixes from that is its own affair. So one that is added to a
  trained network is not bound to what the others needed. It takes little time: the maps lie
  behind a norm as the product of matrices wants them.
- **A skip connection brings the first convolution's maps, at half size, to the last one.** What
  is fine in the photograph need not pass through a quarter of the size. Each style has a gain
  for each of its channels.

Style 0, the identity, is the origin of the style space: it has no parameters. With weights w,
f = 1 − w₀ is the strength, and the painted styles are blended by w_s/f. What they paint is
multiplied by f in the last norm: the output is w₀·image + f·painting + Σ w_s tint_s, so it is
linear in the strength, and w₀ = 1 returns the image itself. No part of the image is in a painting
but what the layers bring there: a network that may begin with half of it learns for a long time
how to be rid of it.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer.networks.clamp import clamp_unit
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from styletransfer.networks.conditional_pointwise import ConditionalPointwiseConv2d
from styletransfer.networks.cropping import crop
from styletransfer.networks.padding import odd_reflect_pad, replicate_pad


class SeparableBlock(nn.Module):
    """y = depthwise(x), smaller by the kernel; y + narrow(ReLU(widen(norm(y))))."""

    def __init__(self, channels: int, hidden: int, kernel: int, styles: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel, groups=channels, bias=False)
        # It is the residual path too, so it starts near the identity.
        nn.init.normal_(self.depthwise.weight, std=0.2 / kernel)
        with torch.no_grad():
            self.depthwise.weight[:, :, kernel // 2, kernel // 2] += 1
        self.norm = ConditionalInstanceNorm2d(channels, styles)
        self.widen = ConditionalPointwiseConv2d(channels, hidden, styles)
        # No bias: the norms that follow would take it away again.
        self.narrow = ConditionalPointwiseConv2d(hidden, channels, styles, bias=False)

    def forward(self, x: Tensor, style_weights: Tensor) -> Tensor:
        y: Tensor = self.depthwise(x)
        hidden = F.relu(self.widen(self.norm(y, style_weights), style_weights))
        change: Tensor = self.narrow(hidden, style_weights)
        return y + change


class UpsampleDepthwise2d(nn.Module):
    """Bilinear upsampling by 2, then a valid 3×3 depthwise convolution; run as one of 5×5.

    N×C×H×W → N×C×2(H−2)×2(W−2). Bilinear upsampling is nearest-neighbour upsampling, then
    (1, 2, 1)/4 along both sides, and that blur is folded into the kernel here.

    The kernels are their own mirror images, down and across. So the four pixels that one pixel
    becomes are mirror images too, and what varies without a direction varies as much at each of
    them. Under another kernel it varies more at some, and the ReLU that follows makes of that a
    grid of its own: networks with free kernels were trained, and painted one in every sky.
    """

    taps: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        # A quarter of each kernel: beside the middle and at it, both ways.
        self.weight = nn.Parameter(torch.empty(channels, 1, 2, 2).uniform_(-1 / 3, 1 / 3))
        beside = torch.tensor([1.0, 2.0, 2.0, 2.0, 1.0]) / 4
        middle = torch.tensor([0.0, 1.0, 2.0, 1.0, 0.0]) / 4
        self.register_buffer("taps", torch.stack([beside, middle]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel = torch.einsum("cojk,jd,ke->code", self.weight, self.taps, self.taps)
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.conv2d(x, kernel, groups=len(kernel))


class UpsampleConv2d(nn.Module):
    """Nearest-neighbour upsampling by 2, then a valid 5×5 convolution; run at the lower size.

    N×C×H×W → N×`cout`×2(H−2)×2(W−2).
    """

    merge: Tensor
    place: Tensor

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(cout, cin, 5, 5))
        # Small, so that training starts from a flat tint and not from noise.
        nn.init.normal_(self.weight, std=0.3 / (25 * cin) ** 0.5)
        # merge[a, r, d] = 1 where, for the output pixel of parity a, tap d of the 5×5 kernel
        # falls on the lower-size pixel at offset r − 1.
        merge = torch.zeros(2, 3, 5)
        for a in range(2):
            for d in range(5):
                merge[a, (a + d - 2) // 2 + 1, d] = 1
        self.register_buffer("merge", merge, persistent=False)
        # One 1 for each pixel of a 2×2 cell: as a transposed convolution, it puts it there.
        self.register_buffer("place", torch.eye(4).view(4, 1, 2, 2).repeat(cout, 1, 1, 1), False)

    def forward(self, x: Tensor) -> Tensor:
        kernel = torch.einsum("ocde,ard,bse->oabcrs", self.weight, self.merge, self.merge)
        phases = F.conv2d(x, kernel.flatten(0, 2))
        if torch.onnx.is_in_onnx_export():
            # Equal bit for bit; ONNX Runtime's DepthToSpace takes six times as long.
            return F.conv_transpose2d(phases, self.place, stride=2, groups=len(self.weight))
        return F.pixel_shuffle(phases, 2)


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
        self.shrink = nn.Conv2d(stem, channels, 3, stride=2)
        self.blocks = nn.ModuleList(
            SeparableBlock(channels, hidden, kernel, painted) for kernel in kernels
        )
        self.reduce = ConditionalPointwiseConv2d(channels, head, painted, bias=False)
        self.reduce_norm = ConditionalInstanceNorm2d(head, painted)
        # No bias: what the last norm multiplies by the strength must stay proportional to it.
        self.grow = UpsampleDepthwise2d(head)
        self.skip = nn.Conv2d(stem, head, 1, bias=False)
        self.skip_gain = nn.Parameter(torch.ones(painted, stem))
        nn.init.normal_(self.skip.weight, std=0.1)
        self.paint = UpsampleConv2d(head, 3)
        self.tint = nn.Parameter(torch.full((painted, 3), 0.5))
        # How far each layer looks beyond its own pixel, in pixels of the input: 2 for the two
        # strided ones together, 4 for `grow`, 2 for `paint`.
        self.margin = 8 + 4 * sum(kernel // 2 for kernel in kernels)
        # Where the first pixel of `grow` lies in the maps of `stem`.
        self.skipped = self.margin // 2 - 2
        # The 4×4 pixels of one pixel at a quarter of the size see the same square.
        self.receptive_field = 2 * self.margin + 4

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        painted = style_weights[:, 1:]
        blend = painted / painted.sum(1, keepdim=True).clamp(min=1e-6)
        # 3 more at the end, so that the strides lose no pixel whatever the size.
        pad = replicate_pad if self.training else odd_reflect_pad
        y = pad(image, self.margin, self.margin + 3)
        fine = F.relu(self.stem(y))
        y = F.relu(self.shrink(fine))
        for block in self.blocks:
            y = block(y, blend)
        y = self.reduce_norm(self.reduce(y, blend), painted)
        y = self.grow(y)
        fine = crop(fine, y, self.skipped)
        gain = (painted @ self.skip_gain)[:, :, None, None]
        y = F.relu(y + self.skip(gain * fine))
        painting = crop(self.paint(y), image)
        tint = painted @ self.tint
        out = style_weights[:, :1, None, None] * image + painting + tint[:, :, None, None]
        return clamp_unit(out)
