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

    The stability loss is the relative change of the output if the photograph moves by some pixels.
    To save time, it is computed for the first sample only: all styles get there in turn.

    Args:
        network: The style network.
        critic: Computes the losses. Its loss network is on the device of `image`.
        image: Photographs, N×3×H×W in 0..1.
        rows: Style rows, N×S.
        targets: Gram matrices of the painting of each sample, by scale and tap.
        drafting: Paint with the coarse stage alone, on the photographs at half size.
        content: The content target of the photographs if it is known; at half size for drafting.
        move: By how many pixels, down and right, the photographs move for the stability loss. It
            is left out if this is None or its weight is 0.

    Returns:
        The output, and the losses by name, N numbers each. "total" is their weighted sum.
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
    """Return by how many pixels a batch moves, down and right: each 0..7, not both 0."""
    which = 1 + int(np.random.default_rng([seed, batch]).integers(CELL**2 - 1))
    return divmod(which, CELL)
