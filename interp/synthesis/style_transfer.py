"""Neural style transfer by optimization: the photograph's content in the styles of paintings.

Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks", with the
relative losses that the feed-forward networks are trained by (`styletransfer.losses`), so that
the two can be compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from interp.network.memory import require_gradient_memory
from interp.network.taps import differentiable
from interp.synthesis.loop import Objective, Outcome, Progress, lbfgs
from interp.synthesis.pyramid import coarse_to_fine, noise, require_levels, resized_to, scaled
from styletransfer.errors import RequestError
from styletransfer.losses import LossNetwork, content_loss, gram_matrix, style_loss

Start = Literal["photograph", "style", "noise"]

# Of the squared way of pixels out of 0..1, which could not be shown.
_RANGE_WEIGHT = 1000.0

# Short side of the paintings, which decides the size of the strokes.
STYLE_SIZE = 384


@dataclass(frozen=True)
class TransferSettings:
    """What is minimized: `style_weight`·style + `content_weight`·content, read at these taps.

    The defaults are what the feed-forward networks are trained by. Without content it is a Gram
    reconstruction of the painting, without style a reconstruction of the photograph's content.
    """

    style_weight: float = 100.0
    content_weight: float = 1.0
    style_taps: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu3_3")
    content_tap: str = "relu3_2"

    def taps(self) -> tuple[str, ...]:
        """Those that count, each once."""
        style = self.style_taps if self.style_weight else ()
        content = (self.content_tap,) if self.content_weight else ()
        return tuple(dict.fromkeys((*style, *content)))


@dataclass(frozen=True)
class Style:
    """A painting, 1×3×H×W in 0..1; how much it counts; and where in the picture it goes.

    The weights of styles that go to the same place should sum to 1. `mask`, 1×1×H×W of the
    photograph's size in 0..1, is 1 where the style goes; None is everywhere.
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
    photograph: Tensor,
    styles: Sequence[Style],
    settings: TransferSettings = TransferSettings(),
) -> Objective:
    """The terms `style` and `content` of an image as large as `photograph`, 1×3×H×W, weighted.

    Style is the sum over the styles of weight times relative error of the Gram matrices. Those of
    a style with a mask are taken within it, and it counts by its share of the picture, so that
    every place is drawn to its style alike. A term whose weight is 0 is left out.
    """
    goals: list[tuple[float, dict[str, Tensor], Tensor | None]] = []
    with torch.no_grad():
        for style in styles if settings.style_weight else ():
            share = 1.0 if style.mask is None else style.mask.mean().item()
            if style.weight * share:
                features = network(style.painting)
                grams = {tap: gram_matrix(features[tap]) for tap in settings.style_taps}
                goals.append((style.weight * share, grams, style.mask))
        content = network(photograph)[settings.content_tap] if settings.content_weight else None

    def objective(image: Tensor) -> dict[str, Tensor]:
        features = network(image)
        terms: dict[str, Tensor] = {}
        whole = {tap: gram_matrix(features[tap]) for tap in settings.style_taps if goals}
        errors = []
        for weight, grams, mask in goals:
            seen = (
                whole
                if mask is None
                else {tap: guided_gram(features[tap], mask) for tap in settings.style_taps}
            )
            errors.append(weight * style_loss(seen, grams)[0])
        if errors:
            terms["style"] = settings.style_weight * torch.stack(errors).sum()
        if content is not None:
            loss = content_loss(features[settings.content_tap], content)[0]
            terms["content"] = settings.content_weight * loss
        return terms

    return objective


@differentiable
def transfer_style(
    network: LossNetwork,
    photograph: Tensor,
    styles: Sequence[Style],
    settings: TransferSettings = TransferSettings(),
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
        network: reads `settings.taps()`.
        photograph: its size is the result's.
        styles: may be none where `settings.style_weight` is 0.
        settings: what is minimized.
        start: the photograph, the first painting, its middle scaled to the photograph's size, or
            noise.
        levels: of `coarse_to_fine`; photograph, paintings and masks shrink along.
        steps: of the optimizer, at each level.
        optimizer: L-BFGS by default.
        seed: of the noise.

    Its pixels are drawn into 0..1 and may stay out by a little. Raises RequestError for pictures
    that are too small for the levels or do not fit in memory, a mask of another size than the
    photograph's or without white, and a settings that leaves nothing to do; WorkError for a loss
    that is not finite.
    """
    _check(photograph, styles, settings, start, levels)
    require_gradient_memory(
        lambda image: transfer_objective(
            network, image.detach(), [_probe(style, image) for style in styles], settings
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
            network, scaled(photograph, scale), [style.scaled(scale) for style in styles], settings
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
    settings: TransferSettings,
    start: Start,
    levels: int,
) -> None:
    if not settings.taps():
        raise RequestError("style and content both weigh 0: nothing is left; weigh one of them")
    if not styles and (settings.style_weight or start == "style"):
        raise RequestError("there is no style; give one, or weigh style 0 and start elsewhere")
    if not settings.style_weight and start == "photograph":
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
