"""The command that attacks: photographs into a figure, a folder into a table and a plot."""

from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import numpy as np

from interp.commands import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from interp.adversarial.robustness import Robustness

_ONE = {"linf": "8/255", "l2": "1"}
_SEVERAL = {"linf": "0.25/255,0.5/255,1/255,2/255,4/255,8/255", "l2": "0.1,0.2,0.5,1,2"}


@click.command()
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Instead of IMAGE: report the accuracy on a folder's images, clean and under attack. "
    "Example: --folder validation",
)
@click.option(
    "--labels",
    help="The right classes for --folder; by default the names of its sub-folders. 'sorted' where "
    "the sub-folders, or the images if there are none, are one a class in sorted order, or a CSV "
    "file with the columns file,class. Example: --labels classes.csv",
)
@options.model
@options.class_name
@click.option(
    "--target",
    help="The class to be seen instead, or 'random'; without it, any other will do. "
    "Example: --target toaster",
)
@click.option(
    "--norm",
    type=click.Choice(["linf", "l2"]),
    default="linf",
    show_default=True,
    help="How a change is measured: greatest or Euclidean. Example: --norm l2",
)
@click.option(
    "--epsilon",
    help="How much an image may change, in pixel values of 0..1; with --folder several, with "
    f"commas between. By default {_ONE['linf']} in L∞ and {_ONE['l2']} in L2, with --folder "
    f"{_SEVERAL['linf']} and {_SEVERAL['l2']}. Example: --epsilon 4/255",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Steps of PGD; 1 is FGSM. Example: --steps 40",
)
@click.option(
    "--step", help="Length of a step; by default 2.5 epsilon / steps. Example: --step 1/255"
)
@click.option(
    "--momentum",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Of the gradients; 1 is MI-FGSM. Example: --momentum 1",
)
@click.option(
    "--random-start",
    is_flag=True,
    help="Begin at a random place within epsilon. Example: --random-start --seed 3",
)
@click.option(
    "--restarts",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Times to begin, the second time and on at a random place, for images whose attack was "
    "not successful. Example: --restarts 5",
)
@options.seed
@options.outputs
def attack(
    images: tuple[Path, ...],
    folder: Path | None,
    labels: str | None,
    model: str,
    weights: str,
    class_name: str | None,
    target: str | None,
    norm: Literal["linf", "l2"],
    epsilon: str | None,
    steps: int,
    step: str | None,
    momentum: float,
    random_start: bool,
    restarts: int,
    seed: int,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
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
    if folder is None and labels is not None:
        raise click.UsageError("--labels are for a --folder; give --class NAME for an image")
    if class_name is not None and (folder is not None or target is not None):
        other = "--folder, whose classes --labels tells" if folder is not None else "--target"
        raise click.UsageError(f"--class is the class to lead away from; leave it out with {other}")
    sizes = _sizes(epsilon or (_ONE if folder is None else _SEVERAL)[norm])
    if folder is None and len(sizes) > 1:
        raise click.UsageError("several values of --epsilon are for a --folder; give one")
    length = None if step is None else next(iter(_sizes(step)))
    with options.refusals():
        import torch

        from interp.adversarial.attacks import pgd
        from interp.adversarial.comparison import compare, draw_comparisons
        from interp.adversarial.labels import read_classes
        from interp.adversarial.robustness import draw_robustness, robustness
        from interp.commands.files import Outputs, gather
        from interp.network.classifier import load_classifier
        from interp.network.photographs import read_batches

        sources = gather(images if folder is None else [folder])
        paths = [source.path for source in sources]
        files = Outputs(output, data, quiet)
        if folder is None or output or data:
            files.check(paths, overwrite=overwrite)
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        leave = None if class_name is None else classifier.find_class(class_name)
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
        read: list[int] = []
        if folder is None:
            within = partial(method, epsilon=next(iter(sizes)))
            done = []
            with options.progress(len(paths), "image", quiet=quiet) as bar:
                for indices, image in read_batches(classifier, paths, options.report, batch=1):
                    done.append(
                        compare(
                            classifier,
                            image,
                            attack=within,
                            leave=leave,
                            target=aim,
                            seed=seed + indices[0],
                        )
                    )
                    read += indices
                    bar.update()
            files.write(
                draw_comparisons(done, classifier.names),
                images=torch.cat([each.image for each in done]).cpu().numpy(),
                adversarial=torch.cat([each.adversarial for each in done]).cpu().numpy(),
                classes=np.array([each.goal for each in done]),
                predicted=np.array(
                    [[int(p.argmax()) for p in (each.before, each.after)] for each in done]
                ).T,
                paths=np.array([str(paths[index]) for index in read]),
            )
        else:
            classes = read_classes(classifier, folder, sources, labels)

            def batches() -> "Iterator[tuple[Tensor, Tensor]]":
                for indices, pixels in read_batches(classifier, paths, options.report):
                    read.extend(indices)
                    yield pixels, torch.tensor([classes[i] for i in indices]).to(pixels.device)

            with options.progress(len(paths), "image", quiet=quiet) as bar:
                result = robustness(
                    classifier,
                    batches(),
                    list(sizes),
                    attack=method,
                    target=aim,
                    seed=seed,
                    done=bar.update,
                )
            if not quiet:
                for line in _lines(result, sizes):
                    click.echo(line)
            arrays = {"classes": result.classes, "predicted": result.predicted}
            if result.targets is not None:
                arrays["targets"], arrays["hits"] = result.targets, np.array(result.hits)
            files.write(
                draw_robustness(result, norm),
                epsilons=np.array(result.epsilons),
                accuracy=np.array(result.accuracy),
                paths=np.array([str(paths[index]) for index in read]),
                **arrays,
            )
    options.end(len(read) == len(paths))


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


COMMANDS = (attack,)
