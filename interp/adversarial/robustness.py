"""The accuracy of a classifier under attack, as the attack may change the images more and more."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from interp.adversarial.attacks import Norm, pgd, random_targets
from interp.adversarial.labels import read_classes
from interp.figures import curves
from interp.files import gather
from interp.network.classifier import Classifier, as_classifier
from interp.network.photographs import Report, read_batches
from interp.network.taps import frozen
from styletransfer.errors import WorkError

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Robustness:
    """What a model saw in N images under attacks of E strengths, the first of them 0, no attack.

    Attributes:
        epsilons: The E strengths, in increasing order.
        predicted: E×N, the class that was seen.
        classes: N, the right classes.
        targets: N, the classes that were to be seen, if there were any.
    """

    epsilons: tuple[float, ...]
    predicted: Integers
    classes: Integers
    targets: Integers | None

    @property
    def accuracy(self) -> list[float]:
        """The share of all images, 0 to 1, in which the right class was seen, for each ε."""
        return [float(share) for share in (self.predicted == self.classes).mean(axis=1)]

    @property
    def hits(self) -> list[float] | None:
        """The share of all images, 0 to 1, in which the target was seen, for each ε."""
        if self.targets is None:
            return None
        return [float(share) for share in (self.predicted == self.targets).mean(axis=1)]


def measure_robustness(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    epsilons: Sequence[float],
    *,
    attack: Callable[..., Tensor] = pgd,
    target: int | Literal["random"] | None = None,
    seed: int = 0,
    done: Callable[[int], object] = lambda count: None,
) -> Robustness:
    """What `model` sees in images, clean and attacked within each of `epsilons`.

    The strengths are tried from the least to the greatest. What is within one is within every
    greater one. So an image whose attack was successful, or that needed none, is not attacked
    again and counts for all that follow. Accuracy under an untargeted attack never rises with ε,
    and the hits of a targeted one never fall.

    Args:
        model: Takes N×3×H×W in 0..1 and gives class scores N×K.
        batches: Batches of images N×3×H×W in 0..1 with their right classes N. One is in memory at
            a time.
        epsilons: The strengths, greater than zero.
        attack: Called as `pgd` is; `functools.partial(pgd, norm="l2", steps=50)` is one.
        target: The class to be seen, or `"random"` for another one than the right one, drawn for
            each image. Without it, the attack leads away from the right class.
        seed: Seed of the random targets and of the attack; a batch adds its number to it.
        done: Called with the number of images of each finished batch.

    Raises:
        WorkError: There are no images. And what `attack` raises.
    """
    strengths = sorted(epsilons)
    seen: list[Integers] = []
    right: list[Integers] = []
    wanted: list[Integers] = []
    for number, (images, classes) in enumerate(batches):
        scores = _scores(model, images)
        if target == "random":
            goals = random_targets(classes, scores.shape[1], seed=seed + number)
        else:
            goals = classes if target is None else torch.full_like(classes, target)
        rows = [scores.argmax(1)]
        for epsilon in strengths:
            row = rows[-1].clone()
            left = ((row == goals) if target is None else (row != goals)).nonzero()[:, 0]
            if len(left):
                attacked = attack(
                    model,
                    images[left],
                    goals[left],
                    epsilon=epsilon,
                    targeted=target is not None,
                    seed=seed + number,
                )
                row[left] = _scores(model, attacked).argmax(1)
            rows.append(row)
        seen.append(torch.stack(rows).cpu().numpy())
        right.append(classes.cpu().numpy())
        wanted.append(goals.cpu().numpy())
        done(len(images))
    if not seen:
        raise WorkError("there are no images to attack")
    return Robustness(
        (0.0, *strengths),
        np.concatenate(seen, axis=1),
        np.concatenate(right),
        None if target is None else np.concatenate(wanted),
    )


def attack_folder(
    classifier: Classifier,
    folder: Path,
    epsilons: Sequence[float],
    *,
    labels: str | None = None,
    attack: Callable[..., Tensor] = pgd,
    target: int | Literal["random"] | None = None,
    seed: int = 0,
    report: Report = warnings.warn,
    done: Callable[[int], object] = lambda count: None,
) -> tuple[Robustness, list[Path]]:
    """What a classifier sees in the images of a folder, clean and under attack.

    Args:
        classifier: The network that is attacked.
        folder: Its images are read one batch at a time.
        epsilons: The strengths, greater than zero.
        labels: What tells the right classes; see `read_classes`.
        attack, target, seed, done: As in `measure_robustness`.
        report: Called with a line for each file that cannot be read, which is left out.

    Returns:
        The result, and the files that could be read.

    Raises:
        RequestError: The folder has no images, or an image no class.
        WorkError: No image can be read.
    """
    sources = gather([folder])
    classes = read_classes(classifier, folder, sources, labels)
    paths = [source.path for source in sources]
    read: list[Path] = []

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for indices, pixels in read_batches(classifier, paths, report):
            read.extend(paths[index] for index in indices)
            yield pixels, torch.tensor([classes[i] for i in indices]).to(pixels.device)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = measure_robustness(
            classifier, batches(), epsilons, attack=attack, target=target, seed=seed, done=done
        )
    for line in dict.fromkeys(str(warning.message) for warning in caught):
        report(line)
    return result, read


def draw_robustness(result: Robustness, norm: Norm = "linf", title: str = "") -> Figure:
    """Accuracy, and the share seen as the target if there was one, over ε (L∞ in 1/255)."""
    lines = {"accuracy": result.accuracy}
    if result.hits is not None:
        lines["seen as the target"] = result.hits
    return curves(
        [255 * epsilon if norm == "linf" else epsilon for epsilon in result.epsilons],
        {name: [100 * share for share in shares] for name, shares in lines.items()},
        across="ε in L∞, in 1/255" if norm == "linf" else "ε in L2",
        title=title,
        up=f"% of {len(result.classes)} images" + ("" if result.hits else " seen rightly"),
    )


def _scores(model: nn.Module, images: Tensor) -> Tensor:
    with frozen(model), torch.no_grad():
        scores: Tensor = as_classifier(model)(images)
    return scores
