"""Upsampling by 2 without checkerboard patterns.

Depth-to-space and strided transposed convolutions compute each of the four pixels of a 2×2 cell
with a different kernel. The differences are visible in every flat area.

Reference:
    Odena et al. 2016, Deconvolution and Checkerboard Artifacts.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UpsampleDepthwise2d(nn.Module):
    """Bilinear upsampling by 2 and a 3×3 depthwise convolution, computed as one of 5×5.

    N×C×H×W → N×C×2(H−2)×2(W−2). Bilinear upsampling is nearest-neighbor upsampling and a blur by
    (1, 2, 1)/4 along both sides. The blur is included in the kernel.

    The kernels are symmetric, down and across. So noise has the same variance at all four pixels
    of a 2×2 cell. With other kernels the variances differ, and the ReLU that follows turns this
    into a grid: trained networks with free kernels painted one in every sky.
    """

    taps: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        # A quarter of each kernel: the values beside the middle and at it, down and across.
        self.weight = nn.Parameter(torch.empty(channels, 1, 2, 2).uniform_(-1 / 3, 1 / 3))
        beside = torch.tensor([1.0, 2.0, 2.0, 2.0, 1.0]) / 4
        middle = torch.tensor([0.0, 1.0, 2.0, 1.0, 0.0]) / 4
        self.register_buffer("taps", torch.stack([beside, middle]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel = torch.einsum("cojk,jd,ke->code", self.weight, self.taps, self.taps)
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.conv2d(x, kernel, groups=len(kernel))


class UpsampleConv2d(nn.Module):
    """Nearest-neighbor upsampling by 2 and a 5×5 convolution, computed at the lower size.

    N×C×H×W → N×`cout`×2(H−2)×2(W−2).
    """

    merge: Tensor
    place: Tensor

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(cout, cin, 5, 5))
        # Small, so that training starts from a flat color and not from noise.
        nn.init.normal_(self.weight, std=0.3 / (25 * cin) ** 0.5)
        # merge[a, r, d] = 1 if, for output pixels of parity a, tap d of the 5×5 kernel reads the
        # input pixel at offset r − 1.
        merge = torch.zeros(2, 3, 5)
        for a in range(2):
            for d in range(5):
                merge[a, (a + d - 2) // 2 + 1, d] = 1
        self.register_buffer("merge", merge, persistent=False)
        # The kernel of a transposed convolution that moves four channels to a 2×2 cell.
        self.register_buffer("place", torch.eye(4).view(4, 1, 2, 2).repeat(cout, 1, 1, 1), False)

    def start_bilinear(self) -> None:
        """Set the kernels so that channel i is channel i of the input, upsampled bilinearly."""
        blur = torch.tensor([0.0, 1.0, 2.0, 1.0, 0.0]) / 4
        with torch.no_grad():
            self.weight.zero_()
            for channel in range(min(self.weight.shape[:2])):
                self.weight[channel, channel] = blur[:, None] * blur

    def forward(self, x: Tensor) -> Tensor:
        return self.placed(self.phases(x))

    def phases(self, x: Tensor) -> Tensor:
        """Return the four pixels of each 2×2 cell as channels, N×4·`cout`×(H−2)×(W−2)."""
        kernel = torch.einsum("ocde,ard,bse->oabcrs", self.weight, self.merge, self.merge)
        return F.conv2d(x, kernel.flatten(0, 2))

    def placed(self, phases: Tensor) -> Tensor:
        """Move the channels of `phases` to their pixels, N×`cout`×2(H−2)×2(W−2)."""
        if torch.onnx.is_in_onnx_export():
            # The same to the bit. ONNX Runtime's DepthToSpace takes six times as long.
            return F.conv_transpose2d(phases, self.place, stride=2, groups=len(self.weight))
        return F.pixel_shuffle(phases, 2)
