"""The styles of a training checkpoint: more of them, fewer, or in another order.

Nothing is trained here. Of a style that stays, everything stays bit for bit: its rows, in the
averaged network and in the one that training goes on with, and the optimiser's moments of them.
So both `export.py` and `train.py fit --ckpt_path` take the result, the latter with a
configuration that names the styles in the new order.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from styletransfer.checkpoint import PREFIX, load_checkpoint
from styletransfer.errors import CheckpointError, StyleError
from styletransfer.losses.objective import Objective
from styletransfer.networks import build_network
from styletransfer.networks.style_rows import mix_rows, shared_and_own, style_tables
from styletransfer.training.styles import IDENTITY

Checkpoint = dict[str, Any]


def read_checkpoint(path: Path) -> Checkpoint:
    """All that a checkpoint of `train.py` holds; CheckpointError where `path` is none."""
    load_checkpoint(path)
    checkpoint: Checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    return checkpoint


def objective(checkpoint: Checkpoint) -> Objective:
    """What its network was trained for; CheckpointError where it does not tell."""
    entry = checkpoint["styletransfer"].get("objective")
    if entry is None:
        raise CheckpointError(
            "the checkpoint does not tell its loss network and weights; go on training for a step "
            "with the configuration that it was made with"
        )
    return Objective.from_entry(entry)


def select_styles(checkpoint: Checkpoint, names: Sequence[str]) -> Checkpoint:
    """A copy of `checkpoint` with the styles `names` alone, in that order, the identity before.

    Raises StyleError for a name that is unknown or given twice, and for no name.
    """
    old: list[str] = checkpoint["styletransfer"]["styles"]
    painted = [name for name in names if name != IDENTITY]
    if not painted:
        raise StyleError("name at least one painting to keep")
    for name in painted:
        if name not in old:
            near = difflib.get_close_matches(name, old[1:], 3, 0.4) or old[1:]
            raise StyleError(f"no style is called {name!r}; there are {', '.join(near)}")
        if painted.count(name) > 1:
            raise StyleError(f"the style {name!r} is named twice")
    wanted = [IDENTITY, *painted]
    return _restyle(checkpoint, wanted, torch.eye(len(old))[[old.index(name) for name in wanted]])


def append_styles(
    checkpoint: Checkpoint, names: Sequence[str], start: Tensor | None = None
) -> Checkpoint:
    """A copy of `checkpoint` with the styles `names` after those it has, to be trained further.

    Row i of `start` (new styles × paintings that there are) is the blend of paintings that the
    i-th new style starts from; without it, each starts from the mean of all. The optimiser's
    moments of a new style are the same blend of theirs.

    Raises StyleError for a name that exists already.
    """
    old: list[str] = checkpoint["styletransfer"]["styles"]
    check_new_names(names, old)
    paintings = len(old) - 1
    if start is None:
        start = torch.full((len(names), paintings), 1 / paintings)
    new_rows = torch.cat([torch.zeros(len(names), 1), start], dim=1)
    return _restyle(checkpoint, [*old, *names], torch.cat([torch.eye(len(old)), new_rows]))


def check_new_names(names: Sequence[str], styles: Sequence[str]) -> None:
    """Raise StyleError unless `names` can be new ones beside `styles`."""
    for position, name in enumerate(names):
        if name in styles or name in names[:position]:
            raise StyleError(f"there is a style {name!r} already; give another name")
        # What separates styles in a blend, as in the_scream:0.6,udnie:0.4.
        if not name.strip() or name != name.strip() or set(name) & set(":,"):
            raise StyleError(f"{name!r} is no name for a style: no blanks around it, no : or ,")


def checkpoint_network(checkpoint: Checkpoint, state: str = "state_dict") -> nn.Module:
    """The network of a checkpoint: the averaged one, or `current_model_state` that trains on."""
    ours = checkpoint["styletransfer"]
    network = build_network(ours["network"], len(ours["styles"]), **ours["options"])
    network.load_state_dict(
        {
            name.removeprefix(PREFIX): value
            for name, value in checkpoint[state].items()
            if name.startswith(PREFIX)
        }
    )
    return network.eval()


def _restyle(checkpoint: Checkpoint, styles: list[str], mixture: Tensor) -> Checkpoint:
    network = checkpoint_network(checkpoint)
    tables = style_tables(network)
    result = {**checkpoint, "styletransfer": {**checkpoint["styletransfer"], "styles": styles}}
    prefixed = {PREFIX + name: omitted for name, omitted in tables.items()}
    for state in ("state_dict", "current_model_state"):
        if state in checkpoint:
            result[state] = mix_rows(checkpoint[state], prefixed, mixture)
    shared, own = shared_and_own(network)
    result["optimizer_states"] = [
        {
            **optimizer,
            "state": _restyle_moments(optimizer["state"], [*shared, *own], tables, mixture),
        }
        for optimizer in checkpoint.get("optimizer_states", [])
    ]
    return result


def _restyle_moments(
    state: dict[int, dict[str, Tensor]],
    names: list[str],
    tables: dict[str, int],
    mixture: Tensor,
) -> dict[int, dict[str, Tensor]]:
    return {
        index: mix_rows(
            moments, {key: tables[names[index]] for key in moments if key != "step"}, mixture
        )
        if names[index] in tables
        else moments
        for index, moments in state.items()
    }
