"""The objective of training: the losses of a picture and their weighted sum.

Style is compared at several scales: at full size, and averaged over cells of 2×2 and 4×4 pixels,
the painting as well as the picture. There the taps have twice and four times the receptive field,
so large shapes count as well as brush marks.

Reference:
    Snelgrove 2017, High-Resolution Multi-Scale Neural Texture Synthesis.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.losses.frame import frame_loss
from styletransfer.losses.grid import grid_loss
from styletransfer.losses.loss_network import LossNetwork
from styletransfer.losses.perceptual import (
    content_loss,
    gram_matrix,
    style_loss,
    tone_loss,
    total_variation,
)

# Least side in pixels for two pooling layers of a loss network.
LEAST = 4

# Gram matrices of S paintings, S×C×C, by scale and tap.
StyleTargets = Mapping[int, Mapping[str, Tensor]]


@dataclass(frozen=True)
class Objective:
    """The loss network, its taps, and the weights of the losses.

    Args:
        loss_network: Architecture of the loss network.
        style_taps: Taps of the style loss, which is the mean over them.
        content_tap: Tap of the content loss.
        scales: Factors by which pictures and paintings are averaged for the style loss, which is
            the mean over them as well. They are powers of 2, ascending.
        painting_size: Short side of the paintings in pixels, before averaging. It controls the
            size of the brush marks.
        style_weight: Weight of the style loss.
        content_weight: Weight of the content loss.
        tone_weight: Weight of the tone loss. This loss and the next ones are not computed if their
            weight is 0.
        tv_weight: Weight of the total variation.
        grid_weight: Weight of the grid loss.
        frame_weight: Weight of the frame loss.
        stability_weight: Weight of the stability loss.
        draft_weight: Weight of the losses of the draft, for a network that revises one.
    """

    loss_network: str = "vgg19"
    style_taps: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu3_3")
    content_tap: str = "relu3_2"
    scales: tuple[int, ...] = (1, 2, 4)
    painting_size: int = 384
    style_weight: float = 20.0
    content_weight: float = 1.0
    tone_weight: float = 0.0
    tv_weight: float = 0.0
    grid_weight: float = 0.0
    frame_weight: float = 0.0
    stability_weight: float = 0.0
    draft_weight: float = 0.0

    @property
    def taps(self) -> list[str]:
        """The taps of all losses whose weight is not 0."""
        style = self.style_taps if self.style_weight else ()
        content = (self.content_tap,) if self.content_weight else ()
        return list(dict.fromkeys((*style, *content)))

    def weight(self, loss: str) -> float:
        """Return the weight of a loss such as "style"; 0 for one that is only reported."""
        return float(getattr(self, f"{loss}_weight", 0.0))

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of losses, which have one number per sample."""
        return torch.stack([self.weight(name) * value for name, value in losses.items()]).sum(0)

    def as_entry(self) -> dict[str, Any]:
        """Return the objective in plain types, for a checkpoint."""
        lists = {"style_taps": list(self.style_taps), "scales": list(self.scales)}
        return {**asdict(self), **lists}

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> "Objective":
        """Return the objective for what `as_entry` returned.

        Raises:
            KeyError: A key is missing.
            TypeError: A key is unknown, or a value has the wrong type.
            ValueError: A number is out of range.
        """
        tuples = {name: tuple(entry[name]) for name in ("style_taps", "scales")}
        found = cls(**{**entry, **tuples})
        texts = (found.loss_network, found.content_tap, *found.style_taps)
        sizes = (found.painting_size, *found.scales)
        weights = [value for name, value in entry.items() if name.endswith("_weight")]
        if not found.style_taps or not all(type(text) is str for text in texts):
            raise TypeError("the loss network and its taps are texts")
        if not found.scales or not all(type(n) is int and n > 0 for n in sizes):
            raise ValueError("the scales and the size of the paintings are whole numbers above 0")
        if not all(type(w) in (int, float) and math.isfinite(w) for w in weights):
            raise ValueError("the weights of the losses are finite numbers")
        return found


class Critic:
    """Compute the losses of an objective with its loss network.

    Args:
        objective: The objective.
        loss_network: A loss network with the taps of the objective.
    """

    def __init__(self, objective: Objective, loss_network: LossNetwork) -> None:
        self.objective = objective
        self.loss_network = loss_network

    def style_targets(self, paintings: Sequence[Tensor]) -> StyleTargets:
        """Return the Gram matrices of paintings by scale and tap.

        Args:
            paintings: Images 1×3×H×W in 0..1 with a short side of `painting_size`.
        """
        taps, place = self.objective.style_taps, self.loss_network.mean.device
        targets: dict[int, dict[str, Tensor]] = {}
        for scale in self.objective.scales:
            with torch.no_grad():
                seen = [
                    self.loss_network.unbounded(averaged(painting.to(place), scale))
                    for painting in paintings
                ]
                targets[scale] = {
                    tap: torch.cat([gram_matrix(features[tap]) for features in seen])
                    for tap in taps
                }
        return targets

    def content_target(self, photograph: Tensor) -> Tensor:
        """Return the features of `photograph`, N×3×H×W in 0..1, at the content tap."""
        tap = self.objective.content_tap
        with torch.no_grad():
            features: dict[str, Tensor] = self.loss_network.unbounded(photograph, tap)
        return features[tap]

    def features(self, picture: Tensor, size: int = 1) -> dict[int, dict[str, Tensor]]:
        """Return the features of a picture by scale and tap.

        Args:
            picture: N×3×H×W in 0..1.
            size: Factor by which the picture is smaller than at full size. Scales below it are
                left out.
        """
        return {
            scale: self.loss_network.unbounded(averaged(picture, scale // size))
            for scale in self.objective.scales
            if scale >= size
        }

    def losses(
        self,
        picture: Tensor,
        photograph: Tensor,
        targets: StyleTargets,
        content: Tensor | None = None,
        size: int = 1,
    ) -> dict[str, Tensor]:
        """Return the losses of a picture by name, N numbers each; see `Objective.total`.

        Args:
            picture: The output of a network, N×3×H×W in 0..1.
            photograph: Its input, N×3×H×W in 0..1.
            targets: Gram matrices of the painting of each sample, N×C×C, by scale and tap.
            content: The content target of `photograph`; None computes it.
            size: Factor by which both are smaller than at full size.
        """
        aim = self.objective
        if content is None:
            content = self.content_target(photograph)
        losses: dict[str, Tensor] = {}
        styles = []
        for scale, features in self.features(picture, size).items():
            grams = {tap: gram_matrix(features[tap]) for tap in aim.style_taps}
            styles.append(style_loss(grams, dict(targets[scale])))
            losses[f"style_{scale}"] = styles[-1]
            if scale == size:
                losses["content"] = content_loss(features[aim.content_tap], content)
        losses["style"] = torch.stack(styles).mean(0)
        if aim.tone_weight:
            losses["tone"] = tone_loss(picture, photograph)
        if aim.tv_weight:
            losses["tv"] = total_variation(picture)
        if aim.grid_weight:
            losses["grid"] = grid_loss(picture, photograph)
        if aim.frame_weight:
            losses["frame"] = frame_loss(picture, photograph)
        return losses


def targets_map(change: Callable[[Tensor], Tensor], targets: StyleTargets) -> StyleTargets:
    """Return the Gram matrices of `targets`, each changed by `change`."""
    return {
        scale: {tap: change(gram) for tap, gram in grams.items()}
        for scale, grams in targets.items()
    }


def averaged(image: Tensor, factor: int) -> Tensor:
    """Average `image`, N×3×H×W, over cells of `factor`×`factor` pixels.

    A side does not become shorter than `LEAST` pixels.
    """
    if factor == 1:
        return image
    height, width = (min(factor, max(side // LEAST, 1)) for side in image.shape[2:])
    return F.avg_pool2d(image, (height, width))
