"""A photograph, what an attack changed, and the result, side by side."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from interp.adversarial.attacks import pgd, random_targets
from interp.figures import Cell, table
from interp.files import check_output
from interp.network.classifier import Classifier, chances
from interp.network.photographs import Images, Report, each_image, planes_of, shown
from interp.network.taps import frozen
from interp.pictures import to_color
from styletransfer.errors import OutputError
from styletransfer.images import Picture, write_image


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
    leave: int | str | None = None,
    target: int | str | None = None,
    seed: int = 0,
) -> Comparison:
    """Attack one image, 1×3×H×W in 0..1, and keep what the model sees before and after.

    Args:
        classifier: The network that is attacked.
        image: 1×3×H×W in 0..1.
        attack: Called as `pgd` is; `functools.partial(pgd, norm="l2")` is one.
        leave: Class to lead away from, by its index or name; by default the one that is seen.
        target: Instead, the class to be seen, or `"random"` for any other than what is seen now.
        seed: Seed of the random target and of the attack.

    Raises:
        RequestError: A class that does not exist. And what `attack` raises.
    """
    before = _probabilities(classifier, image)
    goal = before.argmax()[None]
    if target == "random":
        goal = random_targets(goal, len(before), seed=seed)
    elif target is not None:
        goal = torch.full_like(goal, classifier.find_class(target))
    elif leave is not None:
        goal = torch.full_like(goal, classifier.find_class(leave))
    adversarial = attack(classifier, image, goal, targeted=target is not None, seed=seed)
    return Comparison(
        image, adversarial, before, _probabilities(classifier, adversarial), int(goal)
    )


@dataclass(frozen=True)
class AttackedImages:
    """Images before and after an attack, with the names of the images and of the classes."""

    comparisons: list[Comparison]
    names: list[str]
    class_names: Sequence[str] = ()
    model: str = ""

    @property
    def images(self) -> list[npt.NDArray[np.float32]]:
        """The images before, each C×H×W in 0..1."""
        return [each.image[0].cpu().numpy() for each in self.comparisons]

    @property
    def adversarial(self) -> list[npt.NDArray[np.float32]]:
        """The images after, each C×H×W in 0..1."""
        return [each.adversarial[0].cpu().numpy() for each in self.comparisons]

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """The N classes that were attacked or aimed at."""
        return np.array([each.goal for each in self.comparisons])

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The classes that were seen, 2×N: before and after."""
        chances = [(each.before, each.after) for each in self.comparisons]
        return np.array([[int(p.argmax()) for p in pair] for pair in chances]).T

    def figure(self) -> Figure:
        """A row for each image: the image, the difference, and the result.

        Below an image stand the class that is seen and its probability, and those of the goal
        where it is another class. The difference is amplified by a whole number, as far as no
        value is cut off, and gray is no change.
        """
        rows: list[list[Cell]] = []
        for each in self.comparisons:
            change = (each.adversarial - each.image)[0].cpu()
            reach, length = float(change.abs().max()), float(change.norm())
            factor = max(1, int(0.5 / reach)) if reach else 1
            sizes = f"difference × {factor}\nL∞ {255 * reach:.3g}/255, L2 {length:.3g}"
            rows.append(
                [
                    (shown(each.image), _said(each.before, each.goal, self.class_names)),
                    (to_color((factor * change).numpy(), -0.5, 0.5), sizes),
                    (shown(each.adversarial), _said(each.after, each.goal, self.class_names)),
                ]
            )
        return table(rows, title=f"Adversarial examples: {self.model}")


def attack_images(
    classifier: Classifier,
    images: Images,
    *,
    attack: Callable[..., Tensor] = pgd,
    leave: int | str | None = None,
    target: int | str | None = None,
    seed: int = 0,
    report: Report | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> AttackedImages:
    """Attack images one by one.

    Args:
        classifier: The network that is attacked.
        images: As `each_image` takes them.
        attack, leave, target: As in `compare`.
        seed: Seed of the random targets and of the attack; an image adds its number to it.
        report: Called with a line for each file that cannot be read, which is left out.
        done: Called with 1 after each image.

    Raises:
        WorkError: No image can be read. And what `attack` raises.
    """
    found, names = [], []
    for number, (name, image) in each_image(classifier, images, report):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found.append(
                compare(
                    classifier, image, attack=attack, leave=leave, target=target, seed=seed + number
                )
            )
        for warning in caught:
            (report or warnings.warn)(f"{name}: {warning.message}")
        names.append(name)
        done(1)
    return AttackedImages(found, names, classifier.names, classifier.name)


def check_saving(folder: Path, paths: Sequence[Path], *, overwrite: bool) -> list[Path]:
    """The PNG file in `folder` for each of `paths`; the folder is made.

    Raises:
        OutputError: The folder cannot be made, two images have the same name, or a file exists.
    """
    targets = [folder / f"{path.stem}.png" for path in paths]
    twice = [target for target in targets if targets.count(target) > 1]
    if twice:
        raise OutputError(f"{twice[0]}: two images have this name; attack them one by one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror or error})") from error
    for target in targets:
        check_output(target, paths, overwrite=overwrite)
    return targets


def save_adversarial(
    classifier: Classifier,
    found: AttackedImages,
    paths: Sequence[Path],
    targets: Sequence[Path],
) -> list[str]:
    """Write the adversarial images as PNG, and tell what is seen in each of the files.

    A file has 8 bits, so a change of less than half a level is lost in it.

    Raises:
        ImageError: A file cannot be written.
    """
    files = dict(zip(map(str, paths), targets, strict=True))
    lines = []
    for name, each in zip(found.names, found.comparisons, strict=True):
        picture = shown(each.adversarial)
        write_image(files[name], Picture(picture, None, ()))
        seen = _probabilities(classifier, planes_of(picture).to(each.adversarial.device))
        before, now = int(each.before.argmax()), int(seen.argmax())
        words = "still fooled" if now != before else "no longer fooled"
        lines.append(
            f"wrote {files[name]}: seen as {classifier.name_of(now)} {seen[now]:.1%}, "
            f"{words} after rounding to 8 bits"
        )
    return lines


def _probabilities(classifier: Classifier, image: Tensor) -> Tensor:
    with frozen(classifier), torch.no_grad():
        scores: Tensor = classifier(image)
    return chances(scores)[0]


def _said(chances: Tensor, goal: int, names: Sequence[str]) -> str:
    classes = dict.fromkeys((int(chances.argmax()), goal))
    return "\n".join(f"{names[k] if names else f'class {k}'}: {chances[k]:.1%}" for k in classes)
