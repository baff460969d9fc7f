"""Reading a network, and what it was trained for, out of a training checkpoint."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from styletransfer.errors import CheckpointError
from styletransfer.networks import NETWORKS, build_network

PREFIX = "network."


@dataclass(frozen=True)
class TrainedNetwork:
    """A network in evaluation mode; its name, its styles' names and its data's description."""

    network: nn.Module
    name: str
    styles: tuple[str, ...]
    trained_on: str


def load_checkpoint(path: Path) -> TrainedNetwork:
    """Load the (averaged) network of a checkpoint that `train.py` wrote.

    No pickled code is run. Raises CheckpointError for a file that is missing or not ours.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    # Torch's reader answers bytes that are no checkpoint with almost any exception there is.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise CheckpointError(f"{path}: not a checkpoint that can be read ({reason})") from error
    ours = checkpoint.get("styletransfer") if isinstance(checkpoint, dict) else None
    if not isinstance(ours, dict) or "state_dict" not in checkpoint:
        raise CheckpointError(
            f"{path}: not a checkpoint of train.py; it lacks the entry 'styletransfer'"
        )
    if ours["network"] not in NETWORKS:
        raise CheckpointError(f"{path}: holds a network {ours['network']!r}, unknown here")
    network = build_network(ours["network"], len(ours["styles"]), **ours["options"])
    state = {
        name.removeprefix(PREFIX): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(PREFIX)
    }
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path}: its weights do not fit its network ({reason})") from error
    return TrainedNetwork(
        network.eval(), ours["network"], tuple(ours["styles"]), ours["trained_on"]
    )
