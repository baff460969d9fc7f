"""Learning rates of a run: groups of parameters, warm-up, fall, and what drafting changes."""

import math
from collections.abc import Callable
from typing import Any

from styletransfer.networks import StyleNetwork
from styletransfer.networks.style_rows import shared_and_own

# A coarse stage that has learned moves at this share of the rate while the revision is trained.
COARSE_SHARE = 0.1


def parameter_groups(network: StyleNetwork, lr: float, style_lr: float) -> list[dict[str, Any]]:
    """Return what all styles share, and what belongs to one, each with its learning rate.

    Each makes two groups: the coarse stage, where there is one, and the rest.
    """
    parameters = dict(network.named_parameters())
    groups = []
    for names, rate in zip(shared_and_own(network), (lr, style_lr), strict=True):
        coarse = [name for name in names if network.is_coarse(name)]
        rest = [name for name in names if not network.is_coarse(name)]
        # In this order, so that the optimizer's numbers are those of `shared_and_own`.
        for part, is_coarse in ((coarse, True), (rest, False)):
            if part:
                own = [parameters[name] for name in part]
                groups.append({"params": own, "lr": rate, "coarse": is_coarse})
    return groups


def rate_factor(
    steps: int, draft_steps: int, warmup_steps: int, decay_share: float, coarse: bool
) -> Callable[[int], float]:
    """Return what the learning rate of a group is multiplied by, as a function of the step.

    Args:
        steps: Length of the run.
        draft_steps: Number of steps, at the beginning, that train the coarse stage alone.
        warmup_steps: Length of each warm-up, in steps.
        decay_share: The last share of the steps in which the rate falls.
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
