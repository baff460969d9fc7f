"""Checkpoints of networks that were never trained, for the commands that take one."""

from pathlib import Path

import torch

from styletransfer.checkpoint import PREFIX, TrainedNetwork, entry
from styletransfer.losses import Objective
from tests.styletransfer.networks import variants

STYLES = ("identity", "the_scream", "udnie")
SMALL = {**variants.SMALL, "coarse_channels": 16, "fine_channels": 16}
# Small enough for crops of 32 pixels.
OBJECTIVE = Objective(
    loss_network="vgg16",
    style_taps=("relu1_1", "relu2_1"),
    content_tap="relu2_1",
    painting_size=32,
)


def randomized(name: str = "compact") -> TrainedNetwork:
    """A network whose styles differ and whose paintings show."""
    options = SMALL if name == "compact" else {}
    return TrainedNetwork(variants.randomized(name, len(STYLES), **options), name, STYLES, "noise")


def save_checkpoint(path: Path) -> Path:
    """Write a checkpoint of `randomized()`."""
    trained = randomized()
    about = entry(trained.name, trained.network, trained.styles, trained.trained_on, OBJECTIVE, 0)
    state = {PREFIX + name: value for name, value in trained.network.state_dict().items()}
    torch.save({"state_dict": state, "styletransfer": about}, path)
    return path
