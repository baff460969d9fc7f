"""The losses of an output, with the same taps and sizes for every model.

Style is the mean over four taps of the relative Gram errors, content the relative error at
relu3_2, both on VGG19; 100·style + content is what training and Gatys' optimisation minimise.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from styletransfer.losses import LossNetwork, content_loss, gram_matrix, style_loss
from styletransfer.training.styles import style_grams

ARCHITECTURE = "vgg19"
STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu3_3")
CONTENT_TAP = "relu3_2"
# Short side of the style images, which decides the size of the strokes.
STYLE_SIZE = 384
STYLE_WEIGHT = 100.0


class Losses(NamedTuple):
    """Relative losses of one output."""

    style: Tensor
    content: Tensor

    @property
    def total(self) -> Tensor:
        """100·style + content."""
        return STYLE_WEIGHT * self.style + self.content


class Seen(NamedTuple):
    """What the loss network sees in a picture: Gram matrices by tap, and the content features."""

    grams: dict[str, Tensor]
    content: Tensor


class Judge:
    """Knows the paintings, and tells how far an output is from one, and from its photograph."""

    def __init__(
        self,
        paintings: Mapping[str, Path],
        weights: str | Path = "default",
        device: torch.device | None = None,
    ) -> None:
        """`paintings`: the image of each style, by name; `weights`: as `LossNetwork` takes them.

        `device` is where the losses are computed, the CPU by default.

        Raises:
            ImageError: a painting can't be read.
            WeightsError: the weights cannot be used.
        """
        taps = list(dict.fromkeys((*STYLE_TAPS, CONTENT_TAP)))
        self._device = device or torch.device("cpu")
        self._network = LossNetwork(ARCHITECTURE, taps, weights).to(self._device)
        grams = style_grams(list(paintings.values()), STYLE_SIZE, self._network, STYLE_TAPS)
        self._grams = {
            name: {tap: gram[i : i + 1] for tap, gram in grams.items()}
            for i, name in enumerate(paintings)
        }

    def look(self, image: Tensor) -> Seen:
        """What the losses need of `image`, 1×3×H×W in 0..1."""
        features = self._network(image.to(self._device))
        grams = {tap: gram_matrix(features[tap]) for tap in STYLE_TAPS}
        return Seen(grams, features[CONTENT_TAP])

    def losses(self, output: Seen, photograph: Seen, style: str) -> Losses:
        """Judge `output` as a picture of `photograph` in the style `style`."""
        return Losses(
            style_loss(output.grams, self._grams[style])[0],
            content_loss(output.content, photograph.content)[0],
        )
