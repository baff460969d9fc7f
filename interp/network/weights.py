"""Weights from a local file into a torchvision model, or the reason why they do not fit."""

import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from styletransfer.errors import RequestError, WorkError

# torchvision's own DenseNet files predate its module names, and have `norm.1` for `norm1`.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")


def load_weights(model: nn.Module, path: Path, architecture: str, *, partial: bool = False) -> None:
    """Load a `.safetensors`, `.pth` or `.pt` file in torchvision's layout into `model`.

    Heads that only training uses (Inception's `aux1`, `AuxLogits`) are passed over where the
    model has none. Raises RequestError where there is no such file, WorkError for a file that
    cannot be read or is of another architecture, and names the keys that differ.

    `partial` takes a file of some layers only, such as the first. A forward pass that comes to
    one of the others raises a RequestError, so `interp.network.taps.activations` reads what lies
    before.
    """
    state = _read(path)
    own = model.state_dict()
    extra = [key for key in state if key not in own and not key.lower().startswith("aux")]
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    shaped = [key for key in own if key in state and state[key].shape != own[key].shape]
    lacking = {key.rpartition(".")[0] for key in missing}
    partial = partial and len(missing) < len(own)
    faults = [
        *(_fault("lacks", missing) if missing and not partial else ()),
        *(_fault("has an unknown", extra) if extra else ()),
        *(
            f"{key} is {list(state[key].shape)}, not {list(own[key].shape)}{_more(shaped)}"
            for key in shaped[:1]
        ),
    ]
    if faults:
        raise WorkError(
            f"{path} does not fit {architecture}: it {'; '.join(faults)}; "
            "give the --model that the weights are of"
        )
    # Not only those that both have: the metadata of `state` tells modules which version wrote it.
    model.load_state_dict(state, strict=False)
    for name in lacking:
        model.get_submodule(name).register_forward_pre_hook(_refusal(path, name))


def _refusal(path: Path, name: str) -> Callable[[nn.Module, object], None]:
    def refuse(_module: nn.Module, _inputs: object) -> None:
        raise RequestError(f"{path} has no weights of {name}; take a layer that lies before it")

    return refuse


def _fault(verb: str, keys: list[str]) -> list[str]:
    return [f"{verb} {keys[0]}{_more(keys)}"]


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise RequestError(
            f"{path}: no such file of weights; give a .safetensors or .pth file in torchvision's "
            "layout, 'default' for torchvision's, or 'random'"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged file makes the readers fail in ways of their own: KeyError, EOFError, RuntimeError…
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WorkError(f"{path}: no weights can be read from it ({reason})") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WorkError(f"{path} holds something other than a state dict; save only that")
    for key in [key for key in state if _OLD_DENSENET.search(key)]:
        state[_OLD_DENSENET.sub(r"\1\2.", key)] = state.pop(key)
    return state
