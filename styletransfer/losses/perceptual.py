"""The losses: functions of features and images that return one number per sample.

They are relative, so that a weight has the same effect for every loss network, layer and size.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# Rec. 709, which has the same primaries as sRGB.
LUMINANCE = (0.2126, 0.7152, 0.0722)


def gram_matrix(features: Tensor) -> Tensor:
    """Return the Gram matrices G = F·Fᵀ/(H·W) of features.

    Args:
        features: N×C×H×W, in any precision.

    Returns:
        float32 N×C×C.

    Reference:
        Gatys, Ecker and Bethge 2016, Image Style Transfer Using Convolutional Neural Networks.
    """
    gram: Tensor = _Gram.apply(features)
    return gram


class _Gram(torch.autograd.Function):
    """The Gram matrix, whose gradient needs one product where autograd needs two.

    Channels come last in the products, as in the memory of the features of a `LossNetwork`. Another
    order would copy hundreds of megabytes, and take longer than the network itself.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        n, c, h, w = features.shape
        flat = features.permute(0, 2, 3, 1).reshape(n, h * w, c)
        ctx.save_for_backward(flat)
        ctx.shape = features.shape
        # This sum overflows in float16, so autocast must not choose it.
        with torch.autocast(features.device.type, enabled=False):
            flat = flat.float()
            return flat.transpose(1, 2) @ flat / (h * w)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (flat,), (grad,) = ctx.saved_tensors, grads
        n, c, h, w = ctx.shape
        both = (grad + grad.transpose(1, 2)) / (h * w)
        # These small numbers would be 0 in float16. bfloat16 has the range of float32.
        precision = flat.dtype if flat.dtype == torch.bfloat16 else torch.float32
        with torch.autocast(flat.device.type, enabled=False):
            result: Tensor = flat.to(precision) @ both.to(precision)
        return result.to(flat.dtype).reshape(n, h, w, c).permute(0, 3, 1, 2)


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return ‖features − target‖² / ‖target‖² for each sample of two N×C×H×W tensors.

    Reference:
        Johnson, Alahi and Fei-Fei 2016, Perceptual Losses for Real-Time Style Transfer.
    """
    return _relative_squared_error(features, target)


def style_loss(grams: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    """Return the mean over taps of ‖G − G_s‖²_F / ‖G_s‖²_F for each sample.

    Args:
        grams: Gram matrices G of a picture by tap, N×C×C.
        targets: Gram matrices G_s of paintings, N×C×C, for the taps that count.
    """
    return torch.stack(
        [_relative_squared_error(grams[tap], target) for tap, target in targets.items()]
    ).mean(0)


def total_variation(image: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbor pixels, down plus across.

    Args:
        image: N×C×H×W. A side of one pixel adds nothing.
    """
    total = image.new_zeros(len(image), dtype=torch.float32)
    for dim in (2, 3):
        if image.shape[dim] > 1:
            total = total + image.float().diff(dim=dim).abs().mean((1, 2, 3))
    return total


def tone_loss(image: Tensor, target: Tensor, window: int = 32) -> Tensor:
    """Return 1 − the correlation of the luminance of two images, averaged over windows.

    The loss keeps bright areas brighter than dark ones. It does not restrict brightness, contrast
    and color.

    Args:
        image: N×3×H×W in 0..1.
        target: N×3×H×W in 0..1.
        window: Side of the windows in pixels. Their distance is a quarter of it.

    Returns:
        N numbers in 0..2.
    """
    side = min(window, *image.shape[2:])
    weights = torch.tensor(LUMINANCE, device=image.device).view(1, 3, 1, 1)

    def tones(x: Tensor) -> Tensor:
        luminance = (x.float() * weights).sum(1, keepdim=True)
        flat = F.avg_pool2d(luminance, side, max(side // 4, 1)).flatten(1)
        return flat - flat.mean(1, keepdim=True)

    # For a flat target the correlation is 0, without a gradient.
    return 1 - F.cosine_similarity(tones(image), tones(target), dim=1, eps=1e-4)


def _relative_squared_error(value: Tensor, target: Tensor) -> Tensor:
    with torch.autocast(value.device.type, enabled=False):
        difference = (value.float() - target.float()).square().flatten(1).sum(1)
        scale = target.float().square().flatten(1).sum(1)
        return difference / scale.clamp(min=1e-12)
