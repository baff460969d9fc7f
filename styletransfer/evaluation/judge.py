"""Compute the losses of an output. The objective is that of the gallery for every model."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from styletransfer.losses import Critic, LossNetwork, Objective
from styletransfer.training.styles import read_paintings

OBJECTIVE = Objective()


class Judge:
    """Compares an output with a painting and with its photograph.

    Args:
        paintings: The image of each style, by name.
        weights: Weights of the loss network, as `LossNetwork` takes them.
        device: Where the losses are computed; None for the CPU.

    Raises:
        ImageError: A painting can't be read.
        WeightsError: There are no such weights.
    """

    def __init__(
        self,
        paintings: Mapping[str, Path],
        weights: str | Path = "default",
        device: torch.device | None = None,
    ) -> None:
        self._device = device or torch.device("cpu")
        network = LossNetwork(OBJECTIVE.loss_network, OBJECTIVE.taps, weights)
        self._critic = Critic(OBJECTIVE, network.to(self._device))
        images = read_paintings(list(paintings.values()), OBJECTIVE.painting_size)
        self._targets = {
            name: self._critic.style_targets([image])
            for name, image in zip(paintings, images, strict=True)
        }

    def content_target(self, photograph: Tensor) -> Tensor:
        """What `losses` needs of `photograph`, 1×3×H×W in 0..1."""
        return self._critic.content_target(photograph.to(self._device))

    def losses(
        self, output: Tensor, photograph: Tensor, style: str, content: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The losses of `output` as a picture of `photograph` in `style`, and their total.

        Both images are 1×3×H×W in 0..1; `content` is the photograph's content target, where it is
        known already. The names are "style_1", "style_2" and "style_4" by scale, "style" for
        their mean, "content" and "total".
        """
        output, photograph = output.to(self._device), photograph.to(self._device)
        losses = self._critic.losses(output, photograph, self._targets[style], content)
        losses["total"] = OBJECTIVE.total(losses)
        return {name: value[0] for name, value in losses.items()}
