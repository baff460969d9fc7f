"""The losses of one batch in training: what the network paints, judged by the objective."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from styletransfer.errors import TrainingDataError
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
    content: Mapping[int, Tensor] | None = None,
    move: Tensor | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Paint `image` and compare the result with it and with the paintings.

    The stability loss is the relative change of the output if the photograph moves by some pixels.
    To save time, it is computed for the first sample only: all styles get there in turn. The draft
    loss is the total of the draft that the output revises, compared with the photograph at half
    size. It is computed in training only.

    Args:
        network: The style network.
        critic: Computes the losses. Its loss network is on the device of `image`.
        image: Photographs, N×3×H×W in 0..1.
        rows: Style rows, N×S.
        targets: Gram matrices of the painting of each sample, by scale and tap.
        drafting: Paint with the coarse stage alone, on the photographs at half size.
        content: The content targets of the photographs, at size 1 and `DRAFT_SIZE`, if they are
            known.
        move: By how many pixels, down and right, the photographs move for the stability loss; see
            `move_of_batch`. The loss is left out if this is None or its weight is 0.

    Returns:
        The output, and the losses by name, N numbers each. "total" is their weighted sum.
    """
    aim, known = critic.objective, content or {}
    size, paint = (DRAFT_SIZE, network.draft) if drafting else (1, network.__call__)
    half = averaged(image, DRAFT_SIZE)
    photograph = half if drafting else image
    draft = None
    if aim.draft_weight and network.training and not drafting:
        painted, draft = network.with_draft(image, rows)
    else:
        painted = paint(photograph, rows)
    losses = critic.losses(painted, photograph, targets, known.get(size), size)
    if draft is not None:
        parts = critic.losses(draft, half, targets, known.get(DRAFT_SIZE), DRAFT_SIZE)
        losses["draft"] = aim.total(parts)
    if aim.stability_weight and move is not None:
        moved = paint(_moved(photograph[:1], move, size), rows[:1])
        change = content_loss(moved, _moved(painted[:1], move, size))
        losses["stability"] = change.expand(len(image))
    losses["total"] = aim.total(losses)
    return painted, losses


def _moved(image: Tensor, move: Tensor, size: int) -> Tensor:
    """Return `image` without its first rows and columns: `move` pixels, and at least one.

    As many are cut off at the end that the result has the same size for any move.
    """
    for dim, pixels in zip((2, 3), (move.to(image.device) // size).clamp(min=1), strict=True):
        kept = torch.arange(image.shape[dim] - max(CELL // size - 1, 1), device=image.device)
        image = image.index_select(dim, kept + pixels)
    return image


def check_draft(network: StyleNetwork, scales: Sequence[int], **options: float) -> None:
    """Refuse options that need a draft where there can be none.

    Args:
        network: The style network.
        scales: Scales of the style loss.
        options: Values of the options, which are off at 0.

    Raises:
        TrainingDataError: An option is on, but the network has no coarse stage, or the style loss
            leaves out half size.
    """
    for option, value in options.items():
        if value and not network.has_draft:
            name = type(network).__name__
            raise TrainingDataError(
                f"the network {name} has no coarse stage to draft with; set --model.{option} to 0"
            )
        if value and max(scales) < DRAFT_SIZE:
            raise TrainingDataError(
                "a draft needs a style loss at half size: add 2 to --model.scales, or set "
                f"--model.{option} to 0"
            )


def move_of_batch(seed: int, batch: int) -> Tensor:
    """Return by how many pixels a batch moves, down and right: each 0..7, not both 0."""
    which = 1 + int(np.random.default_rng([seed, batch]).integers(CELL**2 - 1))
    return torch.tensor(divmod(which, CELL))
