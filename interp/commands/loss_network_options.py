"""What the commands on a loss network share: its options, the optimizer's, and making both."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from styletransfer.images import Pixels
    from styletransfer.losses import LossNetwork

Command = TypeVar("Command", bound=Callable[..., Any])


def loss_network(command: Command) -> Command:
    """Add `--model` and `--weights`."""
    named = click.option(
        "--model",
        default="vgg19",
        show_default=True,
        help="The loss network: vgg19, vgg16, squeezenet1_0 or squeezenet1_1. Example: --model "
        "vgg16",
    )
    weighted = click.option(
        "--weights",
        default="default",
        show_default=True,
        help="'default' for torchvision's, 'random', or a .safetensors or .pth file, which need "
        "hold no more than the deepest tap. Example: --weights vgg19.safetensors",
    )
    return named(weighted(command))


def optimization(command: Command) -> Command:
    """Add `--steps`, `--optimizer` and `--rate`."""
    steps = click.option(
        "--steps",
        type=click.IntRange(min=1),
        default=200,
        show_default=True,
        help="Of the optimizer, at each level. Example: --steps 500",
    )
    optimizer = click.option(
        "--optimizer",
        type=click.Choice(["lbfgs", "adam"]),
        default="lbfgs",
        show_default=True,
        help="L-BFGS goes deeper, Adam's steps are cheaper. Example: --optimizer adam",
    )
    rate = click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True),
        help="Of Adam, 0.02 by default. Example: --optimizer adam --rate 0.05",
    )
    return steps(optimizer(rate(command)))


def listed(taps: str) -> tuple[str, ...]:
    """The taps of a text such as relu1_1,pool1, each once."""
    return tuple(dict.fromkeys(tap.strip() for tap in taps.split(",") if tap.strip()))


def open_network(
    model: str,
    taps: tuple[str, ...],
    weights: str,
    pooling: Literal["max", "average"] = "max",
) -> "LossNetwork":
    """The loss network; RequestError for what it cannot be, WorkError for weights it cannot get."""
    from styletransfer.errors import RequestError, WorkError
    from styletransfer.losses import LossNetwork

    try:
        return LossNetwork(model, taps, weights, pooling=pooling)
    except FileNotFoundError as error:
        raise RequestError(str(error)) from error
    except ValueError as error:
        shallower = "; name shallower taps" if "deepest tap" in str(error) else ""
        raise RequestError(f"{error}{shallower}") from error
    # Whatever a damaged file or the download raises.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WorkError(f"{model}: no weights from {weights!r} ({reason})") from error


def make_optimizer(
    name: str, rate: float | None
) -> "Callable[[list[Tensor]], torch.optim.Optimizer]":
    """What `--optimizer` and `--rate` ask for; RequestError for a rate of L-BFGS."""
    from interp.synthesis.loop import adam, lbfgs
    from styletransfer.errors import RequestError

    if name == "adam":
        return adam(0.02 if rate is None else rate)
    if rate is not None:
        raise RequestError("--rate goes with --optimizer adam; L-BFGS searches for its steps")
    return lbfgs()


def planes_of(pixels: "Pixels") -> "Tensor":
    """1×3×H×W in 0..1."""
    import torch

    from styletransfer.images import to_tensor

    return torch.from_numpy(to_tensor(pixels))
