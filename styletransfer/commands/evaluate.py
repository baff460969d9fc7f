"""`styletransfer evaluate`."""

import json
import sys
from pathlib import Path

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command
from styletransfer.commands.extras import extra
from styletransfer.commands.written import check_output


@click.command(cls=Command, interrupted="no figures were written")
@options.model
@options.photographs("Folder of photographs that were not used for training.")
@options.paintings("Folder of the paintings; each file has the name of its style.")
@click.option(
    "--json",
    "output",
    type=options.TARGET_FILE,
    help="JSON file to write the figures to as well. Example: --json figures.json",
)
@options.loss_weights
@click.option(
    "--yardstick",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of pictures for which to count the L-BFGS iterations that reach the loss of the "
    "model; each takes minutes. Example: --yardstick 3",
)
@click.option(
    "--yardstick-cap",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Greatest number of L-BFGS iterations. Example: --yardstick-cap 500",
)
@options.device
@options.threads
@options.overwrite
@options.quiet
def evaluate(
    model: Path | None,
    photographs: Path,
    paintings: Path,
    output: Path | None,
    loss_weights: str,
    yardstick: int,
    yardstick_cap: int,
    device: str,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Measure a model on photographs: losses, tone, frame, grid, flicker and time of each style.

    Each photograph is scaled to a short side of 320 pixels, and its long side is cropped to 480.
    Values in brackets are for the unchanged photographs. --device is for the losses: the model
    runs in ONNX Runtime.

    Example: styletransfer evaluate --photographs holiday/ --paintings paintings/ --json f.json
    """
    if output is not None:
        check_output(output, overwrite=overwrite)
    if not quiet and sys.stderr.isatty():
        click.echo("loading PyTorch and the loss network …", err=True)
    with extra("train"):
        import torch

        from styletransfer.device import choose_device
        from styletransfer.evaluation.run import evaluate as measure
    from styletransfer.atomic import written_whole
    from styletransfer.inference import Stylizer

    if threads is not None:
        torch.set_num_threads(threads)
    found = measure(
        Stylizer(model, threads=threads),
        photographs,
        paintings,
        loss_weights=loss_weights,
        yardstick=yardstick,
        yardstick_cap=yardstick_cap,
        device=choose_device(device),
        quiet=quiet,
    )
    click.echo(found.tables())
    if output is not None:
        with written_whole(output) as file:
            figures = found.figures() | {"model": str(model or "gallery")}
            file.write(json.dumps(figures, indent=2).encode())
        click.echo(f"\nwrote {output}")
