"""`styletransfer add-style`."""

from pathlib import Path
from typing import Literal

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command
from styletransfer.commands.extras import extra
from styletransfer.commands.written import check_output, write_checkpoint


@click.command("add-style", cls=Command, interrupted="nothing was written")
@options.checkpoint
@click.argument("image", metavar="PAINTING", type=options.PATH)
@click.argument("name")
@options.output(options.TARGET_FILE, "Checkpoint to write. Example: -o gallery2.ckpt")
@options.photographs("Folder of photographs to train on, a hundred or more.")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Number of training steps, each on a crop of 256 pixels. Example: --steps 1500",
)
@options.short_side(
    "Short side of the painting in pixels; the default is that of the other paintings. A larger "
    "value gives finer strokes.",
    least=16,
    example=512,
)
@options.loss_weights
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="Precision of the networks during training; 'auto' is bf16 on GPUs and CPUs that multiply "
    "it (AMX, AVX-512 BF16). Example: --precision fp32",
)
@options.seed("Seed of the random crops of the photographs.")
@options.device
@options.threads
@options.overwrite
@options.quiet
def add_style(
    checkpoint: Path,
    image: Path,
    name: str,
    output: Path,
    photographs: Path,
    steps: int,
    short_side: int | None,
    loss_weights: str,
    precision: Literal["auto", "fp32", "bf16"],
    seed: int,
    device: str,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Add a style called NAME to the network in CKPT, trained on the picture PAINTING.

    Only the weights of the new style are trained. The other styles do not change by a bit.
    `styletransfer export` then writes the ONNX file.

    Example: styletransfer add-style gallery.ckpt painting.jpg monet -o gallery2.ckpt
    --photographs holiday/
    """
    check_output(output, overwrite=overwrite, inputs=[checkpoint, image])
    with extra("train"):
        import torch

        from styletransfer.checkpoint import read_checkpoint
        from styletransfer.device import choose_device
        from styletransfer.training.append import add_painting

    if threads is not None:
        torch.set_num_threads(threads)
    result = add_painting(
        read_checkpoint(checkpoint),
        image,
        name,
        photographs,
        steps=steps,
        short_side=short_side,
        loss_weights=loss_weights,
        precision=precision,
        seed=seed,
        device=choose_device(device),
        quiet=quiet,
    )
    write_checkpoint(result, output)
    if not quiet:
        click.echo(f"wrote {output}: {', '.join(result['styletransfer']['styles'])}")
