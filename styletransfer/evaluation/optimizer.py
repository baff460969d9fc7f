"""The optimizer's equivalent: the number of L-BFGS iterations that do as well as a network.

Johnson, Alahi and Fei-Fei 2016, section 4.1, found their networks worth 50 to 100 iterations.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from styletransfer.evaluation.judge import Judge


@dataclass(frozen=True)
class Equivalent:
    """How L-BFGS came down to the loss of a network.

    Attributes:
        iterations: Number of iterations until the total was at most `target`; None if `cap`
            iterations did not reach it.
        cap: Greatest number of iterations.
        target: Total of the network.
        start: Total of the photograph.
        reached: Least total found.
    """

    iterations: int | None
    cap: int
    target: float
    start: float
    reached: float


class _Reached(Exception):
    """The loss is low enough. L-BFGS can only be stopped by an exception."""


def equivalent_iterations(
    judge: Judge, photograph: Tensor, style: str, target: float, cap: int, quiet: bool = False
) -> Equivalent:
    """Count the L-BFGS iterations that bring `photograph` (1×3×H×W) down to the loss `target`.

    The pixels are optimized from the photograph, with the objective of `judge`. An iteration
    includes all evaluations of its line search (strong Wolfe); without one, the first steps can
    diverge. Two things favor the optimizer: such an iteration does more than a plain step, and
    its pixels may leave 0..1.

    Reference:
        Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks".
    """
    content = judge.content_target(photograph)
    pixels = photograph.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [pixels],
        max_iter=cap,
        max_eval=100 * cap,
        history_size=100,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    losses: list[float] = []

    def done() -> int:
        # Before the first iteration the photograph itself is evaluated, and counts as none.
        return int(optimizer.state[pixels].get("n_iter", 0))

    def closure() -> Tensor:
        bar.update(done() - bar.n)
        optimizer.zero_grad()
        loss = judge.losses(pixels, photograph, style, content)["total"]
        losses.append(loss.item())
        if losses[-1] <= target:
            raise _Reached
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    iterations: int | None = None
    with tqdm(
        total=cap, desc=f"L-BFGS, {style}", unit="iteration", disable=True if quiet else None
    ) as bar:
        try:
            optimizer.step(closure)  # type: ignore[no-untyped-call]
        except _Reached:
            iterations = done()
    return Equivalent(iterations, cap, target, losses[0], min(losses))
