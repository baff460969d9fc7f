"""The losses of one batch in training: what the network paints, judged by the objective."""

import numpy as np
from torch import Tensor

from styletransfer.losses import Critic, StyleTargets, averaged, content_loss
from styletransfer.networks import StyleNetwork

# By what factor a draft is smaller than its picture.
DRAFT_SIZE = 2
# The side in pixels of the cells in which the networks work.
CELL = 8


def batch_losses(
    network: StyleNetwork,
    critic: Critic,
    image: Tensor,
    rows: Tensor,
    targets: StyleTargets,
    *,
    drafting: bool = False,
    content: Tensor | None = None,
    move: tuple[int, int] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Paint `image` and compare the result with it and with the paintings.

    Stability is how much the output changes, relative to it, with a photograph that has moved.
    That of the first sample stands for all: it takes little time, and the styles take turns.

    Args:
        network: What paints.
        critic: What compares, with the loss network on the device of `image`.
        image: Photographs, N×3×H×W in 0..1.
        rows: Style rows, N×S.
        targets: Those of the painting of each sample, by scale and tap.
        drafting: Paint with the coarse stage alone, on the photographs at half size.
        content: The content target of the photographs, where it is known; at half size for
            drafting.
        move: By how many pixels of the photographs, down and right, they move for the stability
            loss. None leaves it out, as does a weight of 0.

    Returns:
        What was painted, and each loss as N numbers, by name, with their total as "total".
    """
    size, paint = (DRAFT_SIZE, network.draft) if drafting else (1, network.__call__)
    image = averaged(image, size)
    painted: Tensor = paint(image, rows)
    losses = critic.losses(painted, image, targets, content, size)
    if critic.objective.stability_weight and move:
        down, right = (max(pixels // size, 1) for pixels in move)
        moved = paint(image[:1, :, down:, right:], rows[:1])
        change = content_loss(moved, painted[:1, :, down:, right:])
        losses["stability"] = change.expand(len(image))
    losses["total"] = critic.objective.total(losses)
    return painted, losses


def move_of_batch(seed: int, batch: int) -> tuple[int, int]:
    """By how many pixels the photographs of a batch move, down and right: 0..7, not both 0."""
    which = 1 + int(np.random.default_rng([seed, batch]).integers(CELL**2 - 1))
    return divmod(which, CELL)
