"""The published reference network of Johnson et al., with instance norm.

Its parameters are those of `TransformerNet` in `fast_neural_style` of pytorch/examples. So the
published state dicts can be loaded into a network of one style.

Reference:
    Johnson, Alahi and Fei-Fei 2016, Perceptual Losses for Real-Time Style Transfer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer.networks.clamp import clamp_unit
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from styletransfer.networks.padding import reflect_pad
from styletransfer.networks.style_network import StyleNetwork

# The size is halved twice, and reflection at a quarter of the size needs two pixels.
STRIDE = 4
LEAST = 8


class ReflectedConv2d(nn.Module):
    """Nearest-neighbor upsampling (where `upsample` > 1), reflection padding, convolution."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, upsample: int = 1):
        super().__init__()
        self.padding = kernel // 2
        self.upsample = upsample
        self.conv2d = nn.Conv2d(cin, cout, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.upsample > 1:
            x = F.interpolate(x, scale_factor=float(self.upsample), mode="nearest")
        out: Tensor = self.conv2d(F.pad(x, (self.padding,) * 4, mode="reflect"))
        return out


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with conditional instance norm, added to their input."""

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.conv1 = ReflectedConv2d(channels, channels, 3)
        self.in1 = ConditionalInstanceNorm2d(channels, styles)
        self.conv2 = ReflectedConv2d(channels, channels, 3)
        self.in2 = ConditionalInstanceNorm2d(channels, styles)

    def forward(self, x: Tensor, style_weights: Tensor) -> Tensor:
        y = F.relu(self.in1(self.conv1(x), style_weights))
        y = self.in2(self.conv2(y), style_weights)
        out: Tensor = x + y
        return out


class Johnson(StyleNetwork):
    """The network of Johnson et al., with five residual blocks at a quarter of the size.

    Inside, pixels are in 0..255, as the published weights expect.

    Args:
        styles: Number of styles, at least 1.
    """

    exact_identity = False
    receptive_field = 111

    def __init__(self, styles: int) -> None:
        super().__init__()
        self.styles = styles
        self.options = {}
        self.conv1 = ReflectedConv2d(3, 32, 9)
        self.in1 = ConditionalInstanceNorm2d(32, styles)
        self.conv2 = ReflectedConv2d(32, 64, 3, stride=2)
        self.in2 = ConditionalInstanceNorm2d(64, styles)
        self.conv3 = ReflectedConv2d(64, 128, 3, stride=2)
        self.in3 = ConditionalInstanceNorm2d(128, styles)
        self.res1 = ResidualBlock(128, styles)
        self.res2 = ResidualBlock(128, styles)
        self.res3 = ResidualBlock(128, styles)
        self.res4 = ResidualBlock(128, styles)
        self.res5 = ResidualBlock(128, styles)
        self.deconv1 = ReflectedConv2d(128, 64, 3, upsample=2)
        self.in4 = ConditionalInstanceNorm2d(64, styles)
        self.deconv2 = ReflectedConv2d(64, 32, 3, upsample=2)
        self.in5 = ConditionalInstanceNorm2d(32, styles)
        self.deconv3 = ReflectedConv2d(32, 3, 9)

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        height, width = image.shape[2:]
        y = 255 * self._pad_to_stride(image)
        y = F.relu(self.in1(self.conv1(y), style_weights))
        y = F.relu(self.in2(self.conv2(y), style_weights))
        y = F.relu(self.in3(self.conv3(y), style_weights))
        for block in (self.res1, self.res2, self.res3, self.res4, self.res5):
            y = block(y, style_weights)
        y = F.relu(self.in4(self.deconv1(y), style_weights))
        y = F.relu(self.in5(self.deconv2(y), style_weights))
        out: Tensor = self.deconv3(y)[:, :, :height, :width] / 255
        return clamp_unit(out)

    @staticmethod
    def _pad_to_stride(image: Tensor) -> Tensor:
        for dim in (2, 3):
            size = image.shape[dim]
            target = torch.sym_max((size + STRIDE - 1) // STRIDE * STRIDE, LEAST)
            # Pad by a fixed amount and slice, because a symbolic slice can be exported and a
            # symbolic padding cannot.
            wide = reflect_pad(image, 0, LEAST - 1)
            image = wide.narrow(dim, 0, target).narrow(5 - dim, 0, image.shape[5 - dim])
        return image
