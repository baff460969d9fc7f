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
    """`iterations` until the total loss was at most `target`; None if `cap` were too few.

    `reached` is the least loss found, `start` that of the photograph.
    """

    iterations: int | None
    cap: int
    target: float
    start: float
    reached: float


class _Reached(Exception):
    """The loss is low enough; raised out of the optimizer, which knows no other way to stop."""


def equivalent_iterations(
    judge: Judge, photograph: Tensor, style: str, target: float, cap: int, quiet: bool = False
) -> Equivalent:
    """Optimize the pixels of `photograph` (1×3×H×W) for `style` down to the loss `target`.

    Gatys, Ecker and Bethge 2016, with the objective of `judge` and L-BFGS from the photograph.
    Counted are iterations of L-BFGS, each with as many evaluations as its line search takes:
    strong Wolfe, since without a line search its first steps on this loss can go anywhere, and
    an iteration with one does more, which is to the optimizer's advantage. So is that the pixels
    may leave 0..1, which those of a network may not.
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
