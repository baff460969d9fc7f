"""The losses of training: a loss network with named taps, and functions of its features."""

from styletransfer.losses.frame import frame_loss
from styletransfer.losses.grid import grid_loss
from styletransfer.losses.loss_network import LossNetwork
from styletransfer.losses.objective import Critic, Objective, StyleTargets, averaged
from styletransfer.losses.perceptual import (
    content_loss,
    gram_matrix,
    style_loss,
    tone_loss,
    total_variation,
)

__all__ = [
    "Critic",
    "LossNetwork",
    "Objective",
    "StyleTargets",
    "averaged",
    "content_loss",
    "frame_loss",
    "gram_matrix",
    "grid_loss",
    "style_loss",
    "tone_loss",
    "total_variation",
]
