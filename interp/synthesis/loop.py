"""The loop that every technique here is made of: change an image until its objective is least.

A technique says what is wanted (an objective on a transformed image, priors on the image itself),
how the image is held (a canvas), and how it is changed (an optimizer, gradient shapes before its
step and projections after it).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from interp.synthesis.canvas import FourierCanvas, PhaseCanvas, PixelCanvas
from styletransfer.errors import WorkError

# All take an image N×3×H×W.
Objective = Callable[[Tensor], dict[str, Tensor]]  # named terms, each one number, to be minimized
Prior = Callable[[Tensor], Tensor]  # one number, added to the objective
Transform = Callable[[Tensor, torch.Generator], Tensor]  # what the objective sees instead


class Projection(Protocol):
    """Pixels after a step, from those that it led to, the last gradient, and the step's number."""

    def __call__(self, pixels: Tensor, gradient: Tensor, step: int) -> Tensor: ...


class GradientShape(Protocol):
    """The gradient that the optimizer gets, from the true one and the step's number."""

    def __call__(self, gradient: Tensor, step: int) -> Tensor: ...


@dataclass(frozen=True)
class Progress:
    """One step done: its number from 1, the terms before it, and the picture after it."""

    step: int
    steps: int
    terms: dict[str, float]
    picture: Tensor


@dataclass(frozen=True)
class Outcome:
    """What the loop made: N×3×H×W, the terms before each step, and whether Ctrl-C ended it."""

    picture: Tensor
    history: list[dict[str, float]] = field(repr=False)
    interrupted: bool = False

    @property
    def losses(self) -> list[float]:
        """The sum of the terms before each step."""
        return [sum(terms.values()) for terms in self.history]


def adam(rate: float) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    """Adam with the learning rate `rate`."""
    return lambda parameters: torch.optim.Adam(parameters, lr=rate)


def descent(rate: float, momentum: float = 0.0) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    """Plain gradient descent."""
    return lambda parameters: torch.optim.SGD(parameters, lr=rate, momentum=momentum)


def lbfgs(history: int = 20) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    """L-BFGS with the strong Wolfe line search, an iteration a step."""
    return lambda parameters: torch.optim.LBFGS(
        parameters,
        max_iter=1,
        max_eval=25,
        history_size=history,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )


def optimize_image(
    canvas: PixelCanvas | FourierCanvas | PhaseCanvas,
    objective: Objective,
    *,
    steps: int,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
    priors: Mapping[str, Prior] | None = None,
    transforms: Callable[[int], Sequence[Transform]] = lambda step: (),
    shapes: Sequence[GradientShape] = (),
    projections: Sequence[Projection] = (),
    schedule: Callable[[int], float] | None = None,
    seed: int = 0,
    on_step: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Minimize the sum of `objective(transformed image)` and the `priors`; see the module's text.

    Args:
        canvas: Holds the start, and the result.
        objective: Terms to minimize, of the image after `transforms`.
        steps: Number of steps of the optimizer.
        optimizer: Makes one for the canvas' parameters: `adam(…)`, `descent(…)`, `lbfgs()`.
        priors: Terms of the image itself, by name.
        transforms: What the objective sees instead of the image, by the step's number from 0,
            applied in their order. Each gets its own random numbers in every step, the same in
            all evaluations of one step.
        shapes: Change the gradient before the step, in their order; for a `PixelCanvas` only.
        projections: Change the pixels after the step, in their order; for a `PixelCanvas` only.
        schedule: Factor of the learning rate, by the step's number from 0.
        seed: Seed of the transforms.
        on_step: Called after each step.

    Returns:
        The picture and the terms. Ctrl-C ends the loop after the last whole step.

    Raises:
        WorkError: A term is not finite. The message has its name and the step.
        ValueError: Shapes or projections for a canvas without pixels.
    """
    if (shapes or projections) and not isinstance(canvas, PixelCanvas):
        raise ValueError("gradient shapes and projections need the pixels of a PixelCanvas")
    parameters = canvas.parameters()
    opt = optimizer(parameters)
    rates = [group["lr"] for group in opt.param_groups]
    history: list[dict[str, float]] = []
    # Where the image was evaluated last: a line search ends where the next step begins.
    known: tuple[list[Tensor], int, Tensor, list[Tensor]] | None = None
    terms: dict[str, float] = {}
    step = 0

    def evaluate() -> Tensor:
        nonlocal known, terms
        if known is not None and (known[1] == step or not transforms(step)):
            points, _, loss, gradients = known
            if all(torch.equal(a, b) for a, b in zip(points, parameters, strict=True)):
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.grad = gradient.clone()
                return loss
        opt.zero_grad()
        image = canvas.picture()
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        seen = image
        for transform in transforms(step):
            seen = transform(seen, generator)
        values = {**objective(seen), **{k: prior(image) for k, prior in (priors or {}).items()}}
        terms = {name: value.item() for name, value in values.items()}
        for name, value in terms.items():
            if not -float("inf") < value < float("inf"):
                raise WorkError(
                    f"step {step + 1}: the term {name} is {value}; take smaller steps, or "
                    "another start"
                )
        loss = torch.stack(list(values.values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in parameters:
            gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
            for shape in shapes:
                gradient = shape(gradient, step)
            parameter.grad = gradient
        gradients = [p.grad.clone() for p in parameters if p.grad is not None]
        known = [p.detach().clone() for p in parameters], step, loss.detach(), gradients
        return known[2]

    def first() -> Tensor:
        loss = evaluate()
        if len(history) == step:
            history.append(dict(terms))
        return loss

    whole = canvas.picture().detach().clone()
    try:
        for step in range(steps):
            if schedule is not None:
                for group, rate in zip(opt.param_groups, rates, strict=True):
                    group["lr"] = rate * schedule(step)
            opt.step(first)  # type: ignore[arg-type]
            if projections:
                with torch.no_grad():
                    (pixels,) = parameters
                    gradient = pixels.grad if pixels.grad is not None else torch.zeros_like(pixels)
                    for project in projections:
                        pixels.copy_(project(pixels, gradient, step))
            whole = canvas.picture().detach().clone()
            if on_step is not None:
                on_step(Progress(step + 1, steps, history[step], whole))
    except KeyboardInterrupt:
        return Outcome(whole, history, interrupted=True)
    return Outcome(whole, history)
