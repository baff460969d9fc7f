"""Neural texture synthesis: from noise to an image with the sample's Gram matrices.

Gatys, Ecker and Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks". A Gram
matrix tells which channels of a layer fire together and forgets where, so an image that has all
those of the sample has its texture, and not its layout.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from interp.network.memory import require_gradient_memory
from interp.network.taps import differentiable
from interp.synthesis.loop import Objective, Outcome, Progress, lbfgs
from interp.synthesis.pyramid import coarse_to_fine, most_levels, noise, require_levels, scaled
from styletransfer.losses import LossNetwork, gram_matrix

# Of the squared way of pixels out of 0..1. Weak enough to cost nothing; without it a fifth of the
# pixels leave, and clipping them multiplies the loss by 76.
_RANGE_WEIGHT = 10.0

# Of the sample at the coarsest level: what is larger than half of it is layout, not texture.
_COARSEST = 32

# The paper's: its conv1_1 is after the ReLU.
TEXTURE_TAPS = ("relu1_1", "pool1", "pool2", "pool3", "pool4")


def texture_loss(
    grams: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Tensor:
    """Σ_l w_l / (4·N_l²·M_l²) · Σ_ij (G_ij − Ĝ_ij)², over the taps l of `targets`.

    There G_ij = Σ_k F_ik·F_jk is an unnormalized sum over the M_l positions of N_l channels. The
    matrices given here are `gram_matrix`'s, N×C×C, which are divided by M_l already: so the
    loss is the paper's where image and sample are of one size, and compares means over positions
    where they are not. N images give the sum of their losses.
    """
    terms = [
        weights[tap] / (4 * target.shape[-1] ** 2) * (grams[tap] - target).square().sum()
        for tap, target in targets.items()
    ]
    return torch.stack(terms).sum()


def equal_weights(targets: Mapping[str, Tensor]) -> dict[str, float]:
    """The w_l that make each tap's term its relative error ‖G − Ĝ‖²/‖Ĝ‖² over the count of taps.

    The paper rescales its network so that every channel has a mean of 1; torchvision's weights
    are as they were trained, and w_l = 1 would leave all but the tap of the greatest activations
    unheeded.
    """
    return {
        tap: 4 * target.shape[-1] ** 2 / (len(targets) * max(target.square().sum().item(), 1e-12))
        for tap, target in targets.items()
    }


def texture_objective(
    network: LossNetwork,
    sample: Tensor,
    taps: Sequence[str],
    weights: Mapping[str, float] | None = None,
) -> Objective:
    """The texture loss of an image 1×3×H×W against `sample`, of whatever sizes.

    `weights` are the w_l, by default `equal_weights`.
    """
    with torch.no_grad():
        features = network(sample)
        targets = {tap: gram_matrix(features[tap]) for tap in taps}
    weights = equal_weights(targets) if weights is None else weights

    def objective(image: Tensor) -> dict[str, Tensor]:
        features = network(image)
        grams = {tap: gram_matrix(features[tap]) for tap in taps}
        return {"texture": texture_loss(grams, targets, weights)}

    return objective


def texture_levels(sample: Tensor) -> int:
    """How many levels bring the short side of `sample`, N×3×H×W, down to 32 to 63 pixels."""
    return most_levels(sample.shape[2], sample.shape[3], _COARSEST)


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
    """An image 1×3×height×width with the texture of `sample`, from noise.

    Args:
        network: reads the `taps`.
        sample: 1×3×H×W in 0..1; the result may be larger.
        levels: of `coarse_to_fine`, the first from noise; the sample shrinks along. By default
            `texture_levels(sample)`. One is the paper's; structures that are larger than what
            the deepest tap sees need more.
        steps: of the optimizer, at each level.
        optimizer: L-BFGS by default.
        seed: of the noise.

    The result's histogram is the sample's. Raises RequestError for a sample or a result that is
    too small for the levels, or does not fit in memory, WorkError for a loss that is not finite.
    """
    levels = texture_levels(sample) if levels is None else levels
    tall, wide = sample.shape[2:]
    require_levels(tall, wide, levels, "the sample")
    require_levels(height, width, levels, "the texture")
    # The larger decides; the sample takes no gradient, and so less than this reckons.
    require_gradient_memory(
        lambda image: texture_objective(network, image.detach(), taps)(image),
        *max((height, width), (tall, wide), key=math.prod),
    )
    outcome = coarse_to_fine(
        noise(height, width, seed),
        lambda scale: texture_objective(network, scaled(sample, scale), taps),
        levels=levels,
        steps=steps,
        optimizer=optimizer or lbfgs(),
        range_weight=_RANGE_WEIGHT,
        on_step=on_step,
    )
    return replace(outcome, picture=match_histogram(outcome.picture, sample))


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
