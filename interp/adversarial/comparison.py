"""A photograph, what an attack changed, and the result, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from interp.adversarial.attacks import pgd, random_targets
from interp.figures import Cell, table, to_color
from interp.network.classifier import Classifier
from interp.network.photographs import shown
from interp.network.taps import frozen
from styletransfer.images import Pixels


@dataclass(frozen=True)
class Comparison:
    """An image before and after an attack.

    `image` and `adversarial` are 1×3×H×W in 0..1; `before` and `after` what the model saw in
    them, probabilities K; `goal` the class that was attacked or aimed at.
    """

    image: Tensor
    adversarial: Tensor
    before: Tensor
    after: Tensor
    goal: int


def compare(
    classifier: Classifier,
    image: Tensor,
    *,
    attack: Callable[..., Tensor] = pgd,
    leave: int | None = None,
    target: int | Literal["random"] | None = None,
    seed: int = 0,
) -> Comparison:
    """Attack one image, 1×3×H×W in 0..1, and keep what the model sees before and after.

    Args:
        attack: called as `pgd` is; `functools.partial(pgd, norm="l2")` is one.
        leave: the class to lead away from; by default the one that is seen.
        target: instead, the class to be seen, or `"random"` for any other than what is seen now.
        seed: of the random target and of the attack.

    Raises what `attack` raises.
    """
    before = _probabilities(classifier, image)
    goal = before.argmax()[None]
    if target == "random":
        goal = random_targets(goal, len(before), seed=seed)
    elif target is not None:
        goal = torch.full_like(goal, target)
    elif leave is not None:
        goal = torch.full_like(goal, leave)
    adversarial = attack(classifier, image, goal, targeted=target is not None, seed=seed)
    return Comparison(
        image, adversarial, before, _probabilities(classifier, adversarial), int(goal)
    )


def draw_comparisons(comparisons: Sequence[Comparison], names: Sequence[str] = ()) -> Pixels:
    """A row for each: the image, the difference, and the result.

    Below an image stand the class that is seen and its probability, and those of the goal where
    it is another class; `names` are the classes'. The difference is amplified by a whole number,
    as far as no value is cut off, and gray is no change.
    """
    rows: list[list[Cell]] = []
    for each in comparisons:
        change = (each.adversarial - each.image)[0].cpu()
        reach, length = float(change.abs().max()), float(change.norm())
        factor = max(1, int(0.5 / reach)) if reach else 1
        sizes = f"difference × {factor}\nL∞ {255 * reach:.3g}/255, L2 {length:.3g}"
        rows.append(
            [
                (shown(each.image), _said(each.before, each.goal, names)),
                (to_color((factor * change).numpy(), -0.5, 0.5), sizes),
                (shown(each.adversarial), _said(each.after, each.goal, names)),
            ]
        )
    return table(rows)


def _probabilities(classifier: Classifier, image: Tensor) -> Tensor:
    with frozen(classifier), torch.no_grad():
        scores: Tensor = classifier(image)
    return scores[0].softmax(0)


def _said(chances: Tensor, goal: int, names: Sequence[str]) -> str:
    classes = dict.fromkeys((int(chances.argmax()), goal))
    return "\n".join(f"{names[k] if names else f'class {k}'}: {chances[k]:.1%}" for k in classes)
