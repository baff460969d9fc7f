"""The options of the optimizer that `interp texture` and `interp transfer` share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from interp.commands import options
from styletransfer.errors import RequestError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Function = Callable[..., Any]


def optimization(command: Function) -> Function:
    """Add `--steps`, `--optimizer` and `--rate`."""
    steps = options.whole_number(
        "--steps",
        "Number of steps of the optimizer at each level. Example: --steps 500",
        default=200,
    )
    optimizer = options.choice(
        "--optimizer",
        ["lbfgs", "adam"],
        "Optimizer: L-BFGS goes deeper, Adam's steps are cheaper. Example: --optimizer adam",
        default="lbfgs",
    )
    rate = click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True),
        help="Learning rate of Adam, 0.02 by default. Example: --optimizer adam --rate 0.05",
    )
    return steps(optimizer(rate(command)))


def make_optimizer(
    name: str, rate: float | None
) -> "Callable[[list[Tensor]], torch.optim.Optimizer]":
    """What `--optimizer` and `--rate` ask for; RequestError for a rate of L-BFGS."""
    from interp.synthesis.loop import adam, lbfgs

    if name == "adam":
        return adam(0.02 if rate is None else rate)
    if rate is not None:
        raise RequestError("--rate goes with --optimizer adam; L-BFGS searches for its steps")
    return lbfgs()


def listed(taps: str) -> tuple[str, ...]:
    """The taps of a text such as relu1_1,pool1, each once."""
    return tuple(dict.fromkeys(tap.strip() for tap in taps.split(",") if tap.strip()))
