"""Neural texture synthesis: from noise to an image with the sample's Gram matrices.

Gatys, Ecker and Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks". A Gram
matrix tells which channels of a layer fire together and forgets where, so an image that has all
those of the sample has its texture, and not its layout.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from interp.network.memory import require_gradient_memory
from interp.network.taps import differentiable
from interp.synthesis.loop import Outcome, Progress, lbfgs
from interp.synthesis.pyramid import (
    LEAST,
    coarse_to_fine,
    most_levels,
    noise,
    require_levels,
    scaled,
)
from interp.synthesis.style_transfer import Style, transfer_objective
from styletransfer import losses
from styletransfer.losses import LossNetwork

# Weight of the squared distance of pixels from 0..1. It is weak enough to cost nothing. Without it
# a fifth of the pixels leave, and clipping them multiplies the loss by 76.
_RANGE_WEIGHT = 50.0

# Short side of the sample at the coarsest level. What is larger than half of it is layout, not
# texture.
_COARSEST = 32

# Width in pixels of what is painted around the texture and cut off.
_FRAME = 16

# The paper's: its conv1_1 is after the ReLU.
TEXTURE_TAPS = ("relu1_1", "pool1", "pool2", "pool3", "pool4")


def texture_levels(sample: Tensor, height: int, width: int) -> int:
    """How many levels bring the short side of `sample`, N×3×H×W, down to 32 to 63 pixels.

    There are fewer where a texture of `height` × `width` pixels would become too small.
    """
    most = most_levels(height, width, LEAST)
    return min(most, most_levels(sample.shape[2], sample.shape[3], _COARSEST))


@differentiable
def synthesize_texture(
    network: LossNetwork,
    sample: Tensor,
    height: int,
    width: int,
    *,
    taps: Sequence[str] = TEXTURE_TAPS,
    levels: int | None = None,
    steps: int = 200,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer] | None = None,
    seed: int = 0,
    on_step: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Make an image with the texture of `sample`, from noise.

    The loss is the style loss of `styletransfer.losses`: the relative error of the Gram matrices,
    the mean over the taps and over three scales of the image. The paper has one scale.

    Args:
        network: Reads the `taps`.
        sample: 1×3×H×W in 0..1. The result may be larger.
        height, width: Size of the result in pixels.
        taps: Taps whose Gram matrices are compared.
        levels: Number of sizes, coarse to fine; the first starts from noise. The sample shrinks
            with the image. By default `texture_levels`; the paper has one. Forms that are larger
            than what the deepest tap sees need more.
        steps: Number of steps of the optimizer at each level.
        optimizer: Makes the optimizer; L-BFGS by default.
        seed: Seed of the noise.
        on_step: Called after each step.

    Returns:
        The image 1×3×height×width in 0..1, whose colors have the distribution of the sample's.

    Raises:
        RequestError: The sample or the result is too small for the levels, or does not fit in
            memory.
        WorkError: A loss that is not finite.
    """
    # Forms at the border continue in their mirror image, so they stand upright on it.
    full = height + 2 * _FRAME, width + 2 * _FRAME
    aim = losses.Objective(style_weight=1.0, content_weight=0.0, style_taps=tuple(taps))
    levels = texture_levels(sample, height, width) if levels is None else levels
    tall, wide = sample.shape[2:]
    require_levels(tall, wide, levels, "the sample")
    require_levels(height, width, levels, "the texture")
    # The larger decides; the sample takes no gradient, and so less than this reckons.
    require_gradient_memory(
        lambda image: transfer_objective(network, None, [Style(image.detach())], aim)(image),
        *max(full, (tall, wide), key=math.prod),
    )
    outcome = coarse_to_fine(
        noise(*full, seed),
        lambda scale: transfer_objective(network, None, [Style(scaled(sample, scale))], aim),
        levels=levels,
        steps=steps,
        optimizer=optimizer or lbfgs(),
        range_weight=_RANGE_WEIGHT,
        on_step=on_step,
    )
    inner = outcome.picture
    if inner.shape[2:] == full:  # an interrupt may leave a coarser level
        inner = inner[:, :, _FRAME:-_FRAME, _FRAME:-_FRAME]
    return replace(outcome, picture=match_histogram(inner, sample))


def match_histogram(image: Tensor, sample: Tensor) -> Tensor:
    """`image` with each channel's values replaced by those of `sample`, rank by rank.

    The least value becomes the sample's least, and so on; between two of them, where the sizes
    differ, it is interpolated. Both are 1×C×H×W, of any sizes, with as many channels.
    Gatys, Ecker and Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks", do so
    at the end.
    """
    matched = np.empty(image.shape, np.float32)
    for channel, (values, wanted) in enumerate(
        zip(image[0].flatten(1).cpu().numpy(), sample[0].flatten(1).cpu().numpy(), strict=True)
    ):
        places = (np.arange(wanted.size) + 0.5) / wanted.size
        quantiles = np.empty(values.size)
        quantiles[np.argsort(values, kind="stable")] = (np.arange(values.size) + 0.5) / values.size
        colors = np.interp(quantiles, places, np.sort(wanted))
        matched[0, channel] = colors.reshape(image.shape[2:])
    return torch.from_numpy(matched).to(image.device)
