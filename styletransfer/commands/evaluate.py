"""`styletransfer evaluate`."""

import json
from pathlib import Path

import click

from styletransfer.commands.extras import extra


@click.command()
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An ONNX file made by export.py; by default the gallery that comes with styletransfer. "
    "Example: --model mine.onnx",
)
@click.option(
    "--content",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder of photographs that training never saw. Example: --content holiday/",
)
@click.option(
    "--styles",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder of the paintings, each named as its style. Example: --styles paintings/",
)
@click.option(
    "--json",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all figures to this file as well. Example: --json figures.json",
)
@click.option(
    "--loss-weights",
    default="default",
    show_default=True,
    help="Weights of VGG19: torchvision's download, or a .safetensors or .pth file. "
    "Example: --loss-weights vgg19.safetensors",
)
@click.option(
    "--yardstick",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="For so many pairs of photograph and style, count the L-BFGS iterations that reach the "
    "same loss: minutes each. Example: --yardstick 3",
)
@click.option(
    "--yardstick-cap",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Give up after so many iterations. Example: --yardstick-cap 500",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="CPU threads to use; by default one for each core. Example: --threads 2",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace the JSON file. Example: --json f.json --overwrite"
)
@click.option("--quiet", is_flag=True, help="No progress. Example: --quiet > figures.md")
def evaluate(
    model: Path | None,
    content: Path,
    styles: Path,
    output: Path | None,
    loss_weights: str,
    yardstick: int,
    yardstick_cap: int,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Measure a model on photographs: losses, tone, frame, grid, flicker and time by style.

    The photographs are scaled to a short side of 320 pixels, of the long side at most 480. Values
    in brackets are those of the photographs as they are.

    Example: styletransfer evaluate --content holiday/ --styles paintings/ --json figures.json
    """
    with extra("train"):
        import torch

        from styletransfer.evaluation.losses import STYLE_WEIGHT, Judge
        from styletransfer.evaluation.report import as_json, average, table, yardstick_table
        from styletransfer.evaluation.run import judge_by_optimizer, judge_styles
    from styletransfer.atomic import written_whole
    from styletransfer.errors import ModelError
    from styletransfer.evaluation.photographs import (
        EvaluationDataError,
        find_paintings,
        find_photographs,
    )
    from styletransfer.images import ImageError
    from styletransfer.inference import Stylizer

    if threads is not None:
        torch.set_num_threads(threads)
    if output is not None and output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists already; --overwrite replaces it")
    if output is not None and not output.parent.is_dir():
        raise click.UsageError(f"{output.parent}: no such folder; make it first")
    try:
        stylizer = Stylizer(model, threads=threads)
        photographs = find_photographs(content)
        judge = Judge(find_paintings(styles, list(stylizer.styles[1:])), loss_weights)
        reports = judge_styles(stylizer, judge, photographs, quiet)
        mean = average(list(reports.values()))
        click.echo(table({**reports, "mean": mean}))
        yardsticks = judge_by_optimizer(
            stylizer, judge, photographs, yardstick, yardstick_cap, quiet
        )
        if yardsticks:
            click.echo("\n" + yardstick_table(yardsticks))
        if output is not None:
            figures = as_json(
                reports,
                yardsticks,
                model=str(model or "gallery"),
                photographs=[path.name for path in photographs],
                style_weight=STYLE_WEIGHT,
            )
            with written_whole(output) as file:
                file.write(json.dumps(figures, indent=2).encode())
            click.echo(f"\nwrote {output}")
    except (EvaluationDataError, FileNotFoundError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    except (ModelError, ImageError, OSError) as error:
        raise click.ClickException(str(error)) from None
