"""Neural style transfer by optimization: the photograph's content in the styles of paintings.

Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks", with the
objective that the feed-forward networks are trained by: relative losses, and style at three
scales. So the two can be compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from interp.network.memory import require_gradient_memory
from interp.network.taps import differentiable
from interp.synthesis.loop import Objective, Outcome, Progress, lbfgs
from interp.synthesis.pyramid import (
    coarse_to_fine,
    noise,
    require_levels,
    resized_to,
    scaled,
)
from styletransfer import losses
from styletransfer.errors import RequestError
from styletransfer.losses import LossNetwork

Start = Literal["photograph", "style", "noise"]

# What the feed-forward networks are trained for.
DEFAULT_AIM = losses.Objective()

# Weight of the squared distance of pixels from 0..1, as what lies outside cannot be shown.
_RANGE_WEIGHT = 1000.0


@dataclass(frozen=True)
class Style:
    """A painting, how much it counts, and where in the picture it goes.

    Args:
        painting: 1×3×H×W in 0..1.
        weight: Weight. Those of styles that go to the same place should sum to 1.
        mask: 1×1×H×W of the photograph's size in 0..1: 1 where the style goes. None is everywhere.
    """

    painting: Tensor
    weight: float = 1.0
    mask: Tensor | None = None

    def scaled(self, scale: float) -> "Style":
        """The same with painting and mask at another scale."""
        mask = None if self.mask is None else scaled(self.mask, scale)
        return Style(scaled(self.painting, scale), self.weight, mask)


def guided_gram(features: Tensor, mask: Tensor) -> Tensor:
    """The Gram matrix of the features where `mask` is 1: Σ_k m_k·F_k·F_kᵀ / Σ_k m_k, N×C×C.

    `features` is N×C×H×W, `mask` 1×1×H'×W' in 0..1 of any size, averaged over the pixels of each
    position. A mask of ones gives `gram_matrix`. Gatys et al. 2017, "Controlling Perceptual
    Factors in Neural Style Transfer", section 4, with √m as their guidance channel T.
    """
    n, c, h, w = features.shape
    share = F.interpolate(mask, (h, w), mode="area").reshape(1, 1, h * w)
    flat = features.reshape(n, c, h * w)
    return (flat * share) @ flat.transpose(1, 2) / share.sum()


def transfer_objective(
    network: LossNetwork,
    photograph: Tensor | None,
    styles: Sequence[Style],
    aim: losses.Objective = DEFAULT_AIM,
) -> Objective:
    """Return the weighted terms `style` and `content` of an image.

    Style is the sum over the styles of weight times the style loss of `aim`. The Gram matrices of
    a style with a mask are taken within it, and it counts by its share of the picture, so that
    every place is drawn to its style alike. A term whose weight is 0 is left out.

    Args:
        network: Reads `aim.taps`.
        photograph: 1×3×H×W in 0..1, as large as the image; None leaves the content out.
        styles: The paintings. Without masks they may have any size.
        aim: Weights, taps and scales.
    """
    critic = losses.Critic(aim, network)
    goals: list[tuple[float, losses.StyleTargets, Tensor | None]] = []
    for style in styles if aim.style_weight else ():
        share = 1.0 if style.mask is None else style.mask.mean().item()
        if style.weight * share:
            targets = critic.style_targets([style.painting])
            goals.append((style.weight * share, targets, style.mask))
    content = None
    if photograph is not None and aim.content_weight:
        content = critic.content_target(photograph)
    if not goals:  # the content needs no other scale
        critic = losses.Critic(replace(aim, scales=(1,)), network)

    def objective(image: Tensor) -> dict[str, Tensor]:
        features = critic.features(image)
        terms: dict[str, Tensor] = {}
        if goals:
            errors = [
                weight * _style_error(features, targets, mask) for weight, targets, mask in goals
            ]
            terms["style"] = aim.style_weight * torch.stack(errors).sum()
        if content is not None:
            loss = losses.content_loss(features[1][aim.content_tap], content)[0]
            terms["content"] = aim.content_weight * loss
        return terms

    return objective


def _style_error(
    features: Mapping[int, Mapping[str, Tensor]],
    targets: losses.StyleTargets,
    mask: Tensor | None,
) -> Tensor:
    """The style loss by scale and tap, within `mask` where there is one: the mean over scales."""
    errors = []
    for scale, grams in targets.items():
        if mask is None:
            seen = {tap: losses.gram_matrix(features[scale][tap]) for tap in grams}
        else:
            inside = losses.averaged(mask, scale)
            seen = {tap: guided_gram(features[scale][tap], inside) for tap in grams}
        errors.append(losses.style_loss(seen, dict(grams))[0])
    return torch.stack(errors).mean()


@differentiable
def transfer_style(
    network: LossNetwork,
    photograph: Tensor,
    styles: Sequence[Style],
    aim: losses.Objective = DEFAULT_AIM,
    *,
    start: Start = "photograph",
    levels: int = 1,
    steps: int = 200,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer] | None = None,
    seed: int = 0,
    on_step: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Paint `photograph`, 1×3×H×W in 0..1, in the styles.

    Args:
        network: Reads `aim.taps`.
        photograph: 1×3×H×W in 0..1. Its size is the result's.
        styles: The paintings. There may be none where `aim.style_weight` is 0.
        aim: What is minimized. Without content it is a Gram reconstruction of the painting,
            without style a reconstruction of the photograph's content.
        start: First picture: the photograph, the first painting (its middle, scaled to the
            photograph's size), or noise.
        levels: Number of sizes, coarse to fine. Photograph, paintings and masks shrink alike.
        steps: Number of steps of the optimizer at each level.
        optimizer: Makes the optimizer; L-BFGS by default.
        seed: Seed of the noise.
        on_step: Called after each step.

    Returns:
        The picture, 1×3×H×W, and the terms before each step. Pixels are drawn into 0..1 and may
        stay out by a little.

    Raises:
        RequestError: Pictures that are too small for the levels, or do not fit in memory; a mask
            of another size than the photograph's, or without white; an aim that leaves nothing to
            do.
        WorkError: A loss that is not finite.
    """
    _check(photograph, styles, aim, start, levels)
    require_gradient_memory(
        lambda image: transfer_objective(
            network, image.detach(), [_probe(style, image) for style in styles], aim
        )(image),
        *photograph.shape[2:],
    )
    if start == "photograph":
        first = photograph
    elif start == "style":
        first = _covering(styles[0].painting, *photograph.shape[2:])
    else:
        first = noise(photograph.shape[2], photograph.shape[3], seed)
    return coarse_to_fine(
        first,
        lambda scale: transfer_objective(
            network, scaled(photograph, scale), [style.scaled(scale) for style in styles], aim
        ),
        levels=levels,
        steps=steps,
        optimizer=optimizer or lbfgs(),
        range_weight=_RANGE_WEIGHT,
        on_step=on_step,
    )


def _check(
    photograph: Tensor,
    styles: Sequence[Style],
    aim: losses.Objective,
    start: Start,
    levels: int,
) -> None:
    if not aim.taps:
        raise RequestError("style and content both weigh 0: nothing is left; weigh one of them")
    if not styles and (aim.style_weight or start == "style"):
        raise RequestError("there is no style; give one, or weigh style 0 and start elsewhere")
    if not aim.style_weight and start == "photograph":
        raise RequestError("the photograph has its own content already; start from noise")
    height, width = photograph.shape[2:]
    require_levels(height, width, levels, "the photograph")
    for number, style in enumerate(styles, 1):
        tall, wide = style.painting.shape[2:]
        require_levels(tall, wide, levels, f"style {number}")
        if style.mask is None:
            continue
        if style.mask.shape[2:] != photograph.shape[2:]:
            tall, wide = style.mask.shape[2:]
            raise RequestError(
                f"mask {number} has {wide}×{tall} pixels and the photograph {width}×{height}; "
                "make it as large"
            )
        if not style.mask.any():
            raise RequestError(f"mask {number} is black: its style goes nowhere; leave both out")


def _probe(style: Style, image: Tensor) -> Style:
    """A style that keeps as much for the gradient of `image` as this one of its own picture."""
    mask = None if style.mask is None else torch.ones_like(image[:, :1])
    return Style(image.detach(), style.weight, mask)


def _covering(image: Tensor, height: int, width: int) -> Tensor:
    """The middle of `image`, as much as has the shape of height×width, scaled to that."""
    tall, wide = image.shape[2:]
    scale = min(tall / height, wide / width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (tall - rows) // 2, (wide - columns) // 2
    return resized_to(image[:, :, top : top + rows, left : left + columns], height, width)
