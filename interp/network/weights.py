"""Weights from a local file into a torchvision model, or the reason why they do not fit."""

import re
from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from styletransfer.errors import RequestError, WeightsError
from styletransfer.losses.weights import read_weights

State = dict[str, Tensor]

# torchvision's own DenseNet files predate its module names, and have `norm.1` for `norm1`.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")


def read_state(path: Path, model: nn.Module) -> State:
    """Read a `.safetensors`, `.pth`, `.pt` or Lightning `.ckpt` file, by the names of `model`.

    A prefix that all names of the model have in the file, such as `module.` or `model.`, is left
    out, and so is what has another one.

    Raises:
        WeightsError: The file is missing, damaged, or holds something else than weights.
    """
    state = read_weights(path)
    for key in [key for key in state if _OLD_DENSENET.search(key)]:
        state[_OLD_DENSENET.sub(r"\1\2.", key)] = state.pop(key)
    prefix = _prefix(state, list(model.state_dict()))
    if not prefix:
        return state
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}


def class_count(state: State, model: nn.Module) -> int | None:
    """The number of classes that the last layer has in a file; None where it is not in there."""
    head = [key for key in model.state_dict() if key.endswith(".weight")][-1]
    return len(state[head]) if head in state else None


def load_weights(
    model: nn.Module, state: State, path: Path, architecture: str, *, partial: bool = False
) -> None:
    """Load weights into `model`.

    Heads that only training uses (Inception's `aux1`, `AuxLogits`) are passed over where the
    model has none.

    Args:
        model: Gets the weights.
        state: As `read_state` gives it.
        path: The file that they are from, for messages.
        architecture: The name of the model, for messages.
        partial: Take a file of some layers only, such as the first. A forward pass that comes to
            one of the others raises a RequestError, so `interp.network.taps.activations` reads
            what lies before.

    Raises:
        WeightsError: The weights are of another architecture. The message names what differs.
    """
    own = model.state_dict()
    extra = [key for key in state if key not in own and not key.lower().startswith("aux")]
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    shaped = [key for key in own if key in state and state[key].shape != own[key].shape]
    lacking = {key.rpartition(".")[0] for key in missing}
    partial = partial and len(missing) < len(own)
    faults = [
        *([f"it lacks {_named(missing)}"] if missing and not partial else ()),
        *([f"the model has no {_named(extra)}"] if extra else ()),
        *(
            f"{key} has the shape {list(state[key].shape)} instead of {list(own[key].shape)}"
            f"{_more(shaped)}"
            for key in shaped[:1]
        ),
    ]
    if faults:
        raise WeightsError(
            f"{path} does not fit {architecture}: {', and '.join(faults)}; "
            "give the --model that the weights are of"
        )
    # Not only those that both have: the metadata of `state` tells modules which version wrote it.
    model.load_state_dict(state, strict=False)
    for name in lacking:
        model.get_submodule(name).register_forward_pre_hook(_refusal(path, name))


def _prefix(state: State, own: list[str]) -> str:
    """What stands before most names of the model in the file; empty where nothing does."""
    known = set(own)
    candidates = {""} | {
        key.removesuffix(name)
        for name in own[:1] + own[-1:]
        for key in state
        if key == name or key.endswith(f".{name}")
    }

    def hits(prefix: str) -> int:
        return sum(key.startswith(prefix) and key.removeprefix(prefix) in known for key in state)

    return max(sorted(candidates, key=len), key=hits)


def _refusal(path: Path, name: str) -> Callable[[nn.Module, object], None]:
    def refuse(_module: nn.Module, _inputs: object) -> None:
        raise RequestError(f"{path} has no weights of {name}; take a layer that lies before it")

    return refuse


def _named(keys: list[str]) -> str:
    return f"{keys[0]}{_more(keys)}"


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
