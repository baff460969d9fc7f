"""Upsampling by 2 that prints no grid: the four pixels that one pixel becomes are alike.

A free depth-to-space or a strided transposed convolution computes each of the four with a kernel
of its own, and prints their differences into every flat area (Odena et al. 2016, "Deconvolution
and Checkerboard Artifacts").
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UpsampleDepthwise2d(nn.Module):
    """Bilinear upsampling by 2, then a valid 3×3 depthwise convolution; run as one of 5×5.

    N×C×H×W → N×C×2(H−2)×2(W−2). Bilinear upsampling is nearest-neighbor upsampling, then
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
    """Nearest-neighbor upsampling by 2, then a valid 5×5 convolution; run at the lower size.

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

    def start_bilinear(self) -> None:
        """Let channel i of the output be channel i of the input, upsampled bilinearly."""
        blur = torch.tensor([0.0, 1.0, 2.0, 1.0, 0.0]) / 4
        with torch.no_grad():
            self.weight.zero_()
            for channel in range(min(self.weight.shape[:2])):
                self.weight[channel, channel] = blur[:, None] * blur

    def forward(self, x: Tensor) -> Tensor:
        return self.placed(self.phases(x))

    def phases(self, x: Tensor) -> Tensor:
        """The four pixels that each pixel becomes, as channels: N×4·`cout`×(H−2)×(W−2)."""
        kernel = torch.einsum("ocde,ard,bse->oabcrs", self.weight, self.merge, self.merge)
        return F.conv2d(x, kernel.flatten(0, 2))

    def placed(self, phases: Tensor) -> Tensor:
        """Put the `phases` where they belong: N×`cout`×2(H−2)×2(W−2)."""
        if torch.onnx.is_in_onnx_export():
            # Equal bit for bit; ONNX Runtime's DepthToSpace takes six times as long.
            return F.conv_transpose2d(phases, self.place, stride=2, groups=len(self.weight))
        return F.pixel_shuffle(phases, 2)
