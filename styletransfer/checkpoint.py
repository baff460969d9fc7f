"""The format of a training checkpoint: what it holds, reading it, and changing its styles.

A checkpoint is what Lightning writes, and an entry `styletransfer` in plain types: with it, the
network can be built again and taught another style. No pickled code is ever run.

Changing the styles trains nothing. A style that stays keeps every bit, also of the optimizer's
moments. `export` takes the result, and `train fit --ckpt_path` with the paintings in that order.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletransfer.errors import CheckpointError, StyleError
from styletransfer.losses.objective import Objective
from styletransfer.losses.weights import reading_fault
from styletransfer.networks import NETWORKS, StyleNetwork, build_network
from styletransfer.networks.style_network import IDENTITY
from styletransfer.networks.style_rows import mix_rows, shared_and_own, style_tables
from styletransfer.style_names import check_style_name

FORMAT = 2
ENTRY = "styletransfer"
# Lightning's names of the network's tensors begin with this. `state_dict` holds the averaged ones,
# `current_model_state` those that are trained.
PREFIX = "network."
STATES = ("state_dict", "current_model_state")

Checkpoint = dict[str, Any]


@dataclass(frozen=True)
class TrainedNetwork:
    """A network in evaluation mode; its name, its styles' names and its data's description."""

    network: StyleNetwork
    name: str
    styles: tuple[str, ...]
    trained_on: str


def entry(
    name: str,
    network: StyleNetwork,
    styles: Sequence[str],
    trained_on: str,
    objective: Objective,
    batches: int,
) -> dict[str, Any]:
    """Return what a checkpoint says of its network.

    Args:
        name: The name for which `build_network` built the network.
        network: The network.
        styles: Names of its styles, the identity first.
        trained_on: A line that says on which photographs it was trained.
        objective: What training minimized.
        batches: Number of batches that each process has seen.
    """
    return {
        "format": FORMAT,
        "network": name,
        "options": network.options,
        "styles": list(styles),
        "trained_on": trained_on,
        "objective": objective.as_entry(),
        "batches": batches,
    }


def read_checkpoint(path: Path) -> Checkpoint:
    """Read all that a checkpoint holds.

    Raises:
        CheckpointError: The file is missing, damaged, of another format, or not ours.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such checkpoint")
    try:
        checkpoint: Checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    # For bytes that are no checkpoint, the reader of PyTorch raises almost any kind of exception.
    except Exception as error:
        raise CheckpointError(
            f"{path}: not a checkpoint that can be read ({reading_fault(error)}); "
            "replace it by an intact copy"
        ) from error
    check_format(checkpoint, str(path))
    for state in STATES:
        if state in checkpoint:
            checkpoint_network(checkpoint, state, str(path))
    checkpoint_objective(checkpoint, str(path))
    if not _moments_fit(checkpoint):
        raise CheckpointError(f"{path}: its entry optimizer_states does not fit its network")
    return checkpoint


def _moments_fit(checkpoint: Checkpoint) -> bool:
    """Tell whether what Muon or Adam keeps of each parameter has its shape."""
    network = checkpoint_network(checkpoint)
    shapes = [network.get_parameter(name).shape for name in chain(*shared_and_own(network))]
    try:
        for optimizer in checkpoint.get("optimizer_states", []):
            for index, moments in optimizer["state"].items():
                found = {key: tensor.shape for key, tensor in moments.items()}
                kept = {"momentum_buffer"} & set(found) or {"exp_avg", "exp_avg_sq"}
                if found != {"step": (), **dict.fromkeys(kept, shapes[index])}:
                    return False
        return True
    except (AttributeError, LookupError, TypeError):  # it holds something else
        return False


def check_format(checkpoint: Any, source: str = "the checkpoint") -> None:
    """Raise CheckpointError unless `checkpoint` has the entries of this format, of their types."""
    ours = checkpoint.get(ENTRY) if isinstance(checkpoint, dict) else None
    if not isinstance(ours, dict) or "state_dict" not in checkpoint:
        raise CheckpointError(
            f"{source}: not a checkpoint of `train`; it lacks the entry {ENTRY!r}"
        )
    version = ours.get("format", 1)
    if version != FORMAT:
        raise CheckpointError(
            f"{source}: its format is {version!r:.20}, and this version reads format {FORMAT} "
            "alone; train the network again, or use the version that wrote the checkpoint"
        )
    kinds = {
        "network": str,
        "options": dict,
        "styles": list,
        "trained_on": str,
        "objective": dict,
        "batches": int,
    }
    for key, kind in kinds.items():
        if type(ours.get(key)) is not kind:
            raise CheckpointError(f"{source}: its entry {ENTRY}.{key} is missing or malformed")
    styles = ours["styles"]
    if styles[:1] != [IDENTITY] or not all(isinstance(style, str) for style in styles):
        raise CheckpointError(f"{source}: its entry {ENTRY}.styles is no list of names")
    if ours["batches"] < 0:
        raise CheckpointError(f"{source}: its entry {ENTRY}.batches is below 0")
    if len(set(styles)) < len(styles):
        raise CheckpointError(f"{source}: its entry {ENTRY}.styles names a style twice")
    if ours["network"] not in NETWORKS:
        raise CheckpointError(f"{source}: holds a network {ours['network']!r:.40}, unknown here")
    for state in STATES:
        tensors = checkpoint.get(state, {})
        if not isinstance(tensors, dict) or not all(
            isinstance(name, str) and isinstance(value, Tensor) for name, value in tensors.items()
        ):
            raise CheckpointError(f"{source}: its entry {state} holds something else than tensors")


def load_checkpoint(path: Path) -> TrainedNetwork:
    """Load the (averaged) network of a checkpoint.

    Raises:
        CheckpointError: As `read_checkpoint`.
    """
    checkpoint = read_checkpoint(path)
    ours = checkpoint[ENTRY]
    return TrainedNetwork(
        checkpoint_network(checkpoint), ours["network"], tuple(ours["styles"]), ours["trained_on"]
    )


def checkpoint_network(
    checkpoint: Checkpoint, state: str = "state_dict", source: str = "the checkpoint"
) -> StyleNetwork:
    """Return the network of a checkpoint, in evaluation mode, with the weights of a state.

    Raises:
        CheckpointError: The weights do not fit the network.
    """
    ours = checkpoint[ENTRY]
    tensors = {
        name.removeprefix(PREFIX): value
        for name, value in checkpoint[state].items()
        if name.startswith(PREFIX)
    }
    try:
        # First without memory: the options may describe a network that is larger than the memory.
        with torch.device("meta"):
            plan = build_network(ours["network"], len(ours["styles"]), **ours["options"])
        plan.load_state_dict({name: value.to("meta") for name, value in tensors.items()})
        network = build_network(ours["network"], len(ours["styles"]), **ours["options"])
        network.load_state_dict(tensors)
    # Options of wrong types raise many kinds of exceptions.
    except (ArithmeticError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{source}: its weights do not fit its network ({reason:.200}); it was written by "
            "another version, or changed since"
        ) from error
    if not all(value.isfinite().all() for value in network.state_dict().values()):
        raise CheckpointError(f"{source}: its weights are not all finite; take an earlier one")
    return network.eval()


def checkpoint_objective(checkpoint: Checkpoint, source: str = "the checkpoint") -> Objective:
    """Return the objective that the network of a checkpoint was trained with.

    Raises:
        CheckpointError: The entry is malformed.
    """
    try:
        return Objective.from_entry(checkpoint[ENTRY]["objective"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{source}: its entry {ENTRY}.objective is malformed ({error!s:.200})"
        ) from error


def select_styles(checkpoint: Checkpoint, names: Sequence[str]) -> Checkpoint:
    """Return a copy of `checkpoint` with the identity and the styles `names`, in that order.

    Raises:
        StyleError: A name is unknown or given twice, or there is none.
    """
    old: list[str] = checkpoint[ENTRY]["styles"]
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
    """Return a copy of `checkpoint` with more styles, which are to be trained.

    A row of `start` is the blend of the old paintings that a new style starts from. None means the
    mean of all. The optimizer's moments are blended in the same way.

    Raises:
        StyleError: There is already a style of that name.
    """
    old: list[str] = checkpoint[ENTRY]["styles"]
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
        check_style_name(name)


def _restyle(checkpoint: Checkpoint, styles: list[str], mixture: Tensor) -> Checkpoint:
    network = checkpoint_network(checkpoint)
    tables = style_tables(network)
    result = {**checkpoint, ENTRY: {**checkpoint[ENTRY], "styles": styles}}
    prefixed = {PREFIX + name: omitted for name, omitted in tables.items()}
    for state in STATES:
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
