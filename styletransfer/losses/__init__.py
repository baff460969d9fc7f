"""What training minimises: a loss network with named taps, and the losses on them."""

from styletransfer.losses.grid import grid_loss
from styletransfer.losses.loss_network import LossNetwork
from styletransfer.losses.perceptual import (
    content_loss,
    gram_matrix,
    style_loss,
    tone_loss,
    total_variation,
)
from styletransfer.losses.surroundings import surrounded

__all__ = [
    "LossNetwork",
    "content_loss",
    "gram_matrix",
    "grid_loss",
    "style_loss",
    "surrounded",
    "tone_loss",
    "total_variation",
]
