"""`interp attack`: adversarial examples, and the accuracy of a model under attack."""

from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from interp.commands import options
from interp.files import Outputs, gather
from interp.progress import progress, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from interp.adversarial.robustness import Robustness
    from interp.network.classifier import Classifier

_ONE = {"linf": "8/255", "l2": "1"}
_SEVERAL = {"linf": "0.25/255,0.5/255,1/255,2/255,4/255,8/255", "l2": "0.1,0.2,0.5,1,2"}


@click.command()
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=options.PATH)
@click.option(
    "--folder",
    type=options.PATH,
    help="Folder whose images are attacked instead of IMAGE, to report the accuracy, clean and "
    "under attack. Example: --folder validation",
)
@click.option(
    "--labels",
    help="Right classes for --folder; by default the names of its sub-folders. 'sorted' where "
    "the sub-folders, or the images if there are none, are one for each class in sorted order, or "
    "a CSV file with the columns file,class. Example: --labels classes.csv",
)
@options.model
@options.class_name
@click.option(
    "--target",
    help="Class to be seen instead, or 'random'; without it, any other will do. "
    "Example: --target toaster",
)
@options.choice(
    "--norm",
    ["linf", "l2"],
    "Measure of a change: greatest or Euclidean. Example: --norm l2",
    default="linf",
)
@click.option(
    "--epsilon",
    help="Greatest change of an image, in pixel values of 0..1; with --folder several, with "
    f"commas between. By default {_ONE['linf']} in L∞ and {_ONE['l2']} in L2, with --folder "
    f"{_SEVERAL['linf']} and {_SEVERAL['l2']}. Example: --epsilon 4/255",
)
@options.whole_number(
    "--steps",
    "Number of steps of PGD; 1 is FGSM. Example: --steps 40",
    default=10,
)
@click.option(
    "--step", help="Length of a step; by default 2.5 epsilon / steps. Example: --step 1/255"
)
@click.option(
    "--momentum",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Momentum of the gradients; 1 is MI-FGSM. Example: --momentum 1",
)
@click.option(
    "--random-start",
    is_flag=True,
    help="Begin at a random place within epsilon. Example: --random-start --seed 3",
)
@options.whole_number(
    "--restarts",
    "Number of attempts, from the second on at a random place, for images whose attack "
    "failed. Example: --restarts 5",
    default=1,
)
@click.option(
    "--save",
    type=options.PATH,
    help="Folder for the adversarial images as PNG files, which are checked after rounding to 8 "
    "bits. Example: --save attacked",
)
@options.crop(default=True)
@options.seed
@options.outputs
def attack(
    images: tuple[Path, ...],
    folder: Path | None,
    labels: str | None,
    model: options.ModelChoice,
    class_name: str | None,
    target: str | None,
    norm: Literal["linf", "l2"],
    epsilon: str | None,
    steps: int,
    step: str | None,
    momentum: float,
    random_start: bool,
    restarts: int,
    save: Path | None,
    crop: bool,
    seed: int,
    files: Outputs,
) -> None:
    """Change images too little to see until the model sees another class: FGSM and PGD.

    The figure shows each photograph, the difference, amplified, and the result. --data holds
    `images` and `adversarial`, N×3×H×W in 0..1, the `classes` that were attacked or aimed at,
    `predicted`, 2×N, before and after, and the files' names (`paths`).

    With --folder: a table, and as the figure a plot, of the accuracy for each epsilon. --data
    holds `epsilons`, 0 first, `accuracy`, `predicted` E×N, the right `classes`, `paths`, and with
    --target `targets` and `hits`.

    Example: interp attack cat.jpg --target toaster -o attack.png
    """
    if bool(images) == (folder is not None):
        raise click.UsageError("give images to attack, or a --folder to report the accuracy on")
    if folder is not None and (save is not None or not crop):
        option = "--save" if save is not None else "--no-crop"
        raise click.UsageError(f"{option} is for single images; leave --folder out")
    if folder is None and labels is not None:
        raise click.UsageError("--labels are for a --folder; give --class NAME for an image")
    if class_name is not None and (folder is not None or target is not None):
        other = "--folder, whose classes --labels tells" if folder is not None else "--target"
        raise click.UsageError(f"--class is the class to lead away from; leave it out with {other}")
    sizes = _sizes(epsilon or (_ONE if folder is None else _SEVERAL)[norm])
    if folder is None and len(sizes) > 1:
        raise click.UsageError("several values of --epsilon are for a --folder; give one")
    length = None if step is None else next(iter(_sizes(step)))
    from interp.adversarial.attacks import pgd
    from interp.adversarial.comparison import check_saving

    paths = [source.path for source in gather(images if folder is None else [folder])]
    if (folder is None and save is None) or files.figure or files.data:
        files.check(paths)
    targets = [] if save is None else check_saving(save, paths, overwrite=files.overwrite)
    classifier = model.load(quiet=files.quiet, crop=crop)
    aim: int | Literal["random"] | None = None
    if target is not None:
        aim = "random" if target == "random" else classifier.find_class(target)
    method = partial(
        pgd,
        norm=norm,
        steps=steps,
        step=length,
        momentum=momentum,
        random_start=random_start,
        restarts=restarts,
    )
    if folder is None:
        leave = None if class_name is None else classifier.find_class(class_name)
        within = partial(method, epsilon=next(iter(sizes)))
        done = _attack_images(classifier, paths, within, leave, aim, seed, targets, files)
    else:
        done = _attack_folder(classifier, folder, labels, method, sizes, norm, aim, seed, files)
    options.end(done == len(paths))


def _attack_images(
    classifier: "Classifier",
    paths: list[Path],
    method: "Callable[..., Tensor]",
    leave: int | None,
    aim: int | Literal["random"] | None,
    seed: int,
    targets: list[Path],
    files: Outputs,
) -> int:
    """Attack single images, and return how many could be read."""
    import numpy as np

    from interp.adversarial.comparison import attack_images, save_adversarial

    with progress(len(paths), "image", quiet=files.quiet) as bar:
        found = attack_images(
            classifier,
            paths,
            attack=method,
            leave=leave,
            target=aim,
            seed=seed,
            report=report,
            done=bar.update,
        )
    if targets:
        for line in save_adversarial(classifier, found, paths, targets):
            files.say(line)
    files.write(
        found.figure(),
        **options.stacked("images", found.images),
        **options.stacked("adversarial", found.adversarial),
        classes=found.classes,
        predicted=found.predicted,
        paths=np.array(found.names),
    )
    return len(found.names)


def _attack_folder(
    classifier: "Classifier",
    folder: Path,
    labels: str | None,
    method: "Callable[..., Tensor]",
    sizes: dict[float, str],
    norm: Literal["linf", "l2"],
    aim: int | Literal["random"] | None,
    seed: int,
    files: Outputs,
) -> int:
    """Report the accuracy on a folder, and return how many of its images could be read."""
    import numpy as np

    from interp.adversarial.robustness import attack_folder, draw_robustness

    with progress(None, "image", quiet=files.quiet) as bar:
        result, read = attack_folder(
            classifier,
            folder,
            list(sizes),
            labels=labels,
            attack=method,
            target=aim,
            seed=seed,
            report=report,
            done=bar.update,
        )
    for line in _lines(result, sizes):
        files.say(line)
    arrays = {"classes": result.classes, "predicted": result.predicted}
    if result.targets is not None:
        arrays["targets"], arrays["hits"] = result.targets, np.array(result.hits)
    files.write(
        draw_robustness(result, norm, f"Accuracy under attack: {classifier.name}"),
        epsilons=np.array(result.epsilons),
        accuracy=np.array(result.accuracy),
        paths=np.array([str(path) for path in read]),
        **arrays,
    )
    return len(read)


def _sizes(text: str) -> dict[float, str]:
    """Numbers or fractions with commas between, and how each was written."""
    try:
        sizes = {_size(part): part.strip() for part in text.split(",")}
    except (ValueError, ZeroDivisionError):
        raise click.UsageError(
            f"{text!r} is no size; give a number such as 8/255 or 0.03"
        ) from None
    if not all(0 < size < inf for size in sizes):
        raise click.UsageError(f"{text!r} is not greater than zero; give a number such as 8/255")
    return sizes


def _size(text: str) -> float:
    """A number, or one through another."""
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def _lines(result: "Robustness", sizes: dict[float, str]) -> list[str]:
    """The table: a line for each strength, the shares in percent."""
    columns = [
        ["epsilon", "0", *(sizes[epsilon] for epsilon in result.epsilons[1:])],
        ["accuracy", *(f"{share:.1%}" for share in result.accuracy)],
    ]
    if result.hits is not None:
        columns.append(["seen as the target", *(f"{share:.1%}" for share in result.hits)])
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    return ["  ".join(map(str.rjust, row, widths)) for row in rows] + [
        f"of {len(result.classes)} images"
    ]
