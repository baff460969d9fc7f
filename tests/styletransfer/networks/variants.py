"""Networks whose every parameter matters, for tests that an untrained one would pass idly."""

import torch
from torch import Tensor, nn

from styletransfer.networks import build_network
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d

# A coarse-to-fine network with everything that the large ones have.
SMALL = {
    "coarse_channels": 8,
    "coarse_hidden": 12,
    "coarse_kernels": (3, 5),
    "fine_channels": 6,
    "fine_hidden": 10,
    "fine_kernels": (5,),
    "stem": 4,
    "head": 6,
}


def randomized(name: str, styles: int = 3, seed: int = 0, **options: object) -> nn.Module:
    """A network in which no parameter is 0 or 1, as after a long training; see `randomize`."""
    return randomize(build_network(name, styles, **options), seed).eval()


def randomize(network: nn.Module, seed: int) -> nn.Module:
    """Draw every parameter anew: convolutions that keep the variance, γ about 1, the rest about 0.

    What Johnson's network paints, in 0..255, gets a mean of 128, and what the stages of a
    coarse-to-fine network paint one of 0.5 and less contrast, so that the clamps cut little.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 4:
                parameter.copy_(noise * (2 / parameter[0].numel()) ** 0.5)
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.4 * noise)
            else:
                parameter.copy_(0.4 * noise)
        if hasattr(network, "deconv3"):
            network.deconv3.conv2d.bias += 128
        for stage in (getattr(network, name, None) for name in ("coarse", "fine")):
            if stage is not None:
                stage.paint.weight *= 0.2
                stage.tint.mul_(0.25).add_(0.5)
        if hasattr(network, "fine"):
            network.fine.enlarge.weight *= 0.2
    return network


def pointwise(norm: ConditionalInstanceNorm2d, x: Tensor, style_weights: Tensor) -> Tensor:
    """In place of a norm's `forward`: its γ and β without its statistics, so no pixel is far."""
    gamma, beta = style_weights @ norm.weight, style_weights @ norm.bias
    return x * gamma[:, :, None, None] + beta[:, :, None, None]
