"""Learning rates of a run: groups of parameters, warm-up, decay, and drafting."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn

from styletransfer.networks import StyleNetwork
from styletransfer.networks.style_rows import shared_and_own

# After drafting, the coarse stage is trained with this share of the learning rate.
COARSE_SHARE = 0.5


class RateGroup(NamedTuple):
    """Parameters with one learning rate, and whether they belong to the coarse stage."""

    params: list[nn.Parameter]
    lr: float
    coarse: bool


def rate_groups(network: StyleNetwork, lr: float, style_lr: float) -> list[RateGroup]:
    """Return groups of parameters: those that all styles share, and those of single styles.

    Each is two groups, that of the coarse stage, if there is one, and the rest.
    """
    parameters = dict(network.named_parameters())
    groups = []
    for names, rate in zip(shared_and_own(network), (lr, style_lr), strict=True):
        coarse = [parameters[name] for name in names if network.is_coarse(name)]
        rest = [parameters[name] for name in names if not network.is_coarse(name)]
        # In this order, the optimizer numbers the parameters as `shared_and_own` does.
        groups += [RateGroup(coarse, rate, True), RateGroup(rest, rate, False)]
    return [group for group in groups if group.params]


def set_rates(checkpoint: dict[str, Any], groups: list[RateGroup]) -> None:
    """Write the learning rates of `groups` into the state of training in a checkpoint.

    PyTorch would go on with the rates of the checkpoint, and ignore those of the configuration.
    """
    for schedule in checkpoint.get("lr_schedulers", []):
        schedule["base_lrs"] = [group.lr for group in groups]
    for optimizer in checkpoint.get("optimizer_states", []):
        for state, group in zip(optimizer["param_groups"], groups, strict=False):
            state["initial_lr"] = group.lr


def rate_factor(
    steps: int, draft_steps: int, warmup_steps: int, decay_share: float, coarse: bool
) -> Callable[[int], float]:
    """Return the factor of the learning rate of a group, as a function of the step.

    Args:
        steps: Length of the run.
        draft_steps: Number of steps, at the beginning, in which only the coarse stage is trained.
        warmup_steps: Length of each warm-up, in steps.
        decay_share: Share of the steps, at the end, in which the rate falls.
        coarse: Whether the group is of the coarse stage.
    """

    def factor(step: int) -> float:
        drafting = step < draft_steps
        first = 0 if drafting else draft_steps
        last = draft_steps if drafting else max(steps, first + 1)
        warm = min(1.0, (step - first + 1) / max(warmup_steps, 1))
        fallen = 1 - (1 - min((step - first) / (last - first), 1)) / decay_share
        share = COARSE_SHARE if coarse and 0 < draft_steps <= step else 1.0
        return share * warm * 0.5 * (1 + math.cos(math.pi * max(fallen, 0)))

    return factor
