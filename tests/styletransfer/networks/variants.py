"""Networks whose every parameter matters, for tests that an untrained one would pass idly."""

import torch
from torch import Tensor, nn

from styletransfer.networks import build_network
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d


def randomised(name: str, styles: int = 3, seed: int = 0, **options: object) -> nn.Module:
    """A network in which no parameter is 0 or 1, as after a long training; see `randomise`."""
    return randomise(build_network(name, styles, **options), seed).eval()


def randomise(network: nn.Module, seed: int) -> nn.Module:
    """Draw every parameter anew: convolutions that keep the variance, γ about 1, the rest about 0.

    What Johnson's network paints, in 0..255, gets a mean of 128, so that the clamp cuts nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim >= 3:  # a matrix a style has three dimensions
                fan_in = parameter[0].numel() if parameter.ndim == 4 else parameter.shape[2]
                parameter.copy_(noise * (2 / fan_in) ** 0.5)
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.4 * noise)
            else:
                parameter.copy_(0.4 * noise)
        if hasattr(network, "deconv3"):
            network.deconv3.conv2d.bias += 128
    return network


def pointwise(norm: ConditionalInstanceNorm2d, x: Tensor, style_weights: Tensor) -> Tensor:
    """In place of a norm's `forward`: its γ and β without its statistics, so no pixel is far."""
    gamma, beta = style_weights @ norm.weight, style_weights @ norm.bias
    return x * gamma[:, :, None, None] + beta[:, :, None, None]
