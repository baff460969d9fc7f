"""`styletransfer add-style` and `styletransfer select-styles`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from styletransfer.commands.extras import extra

# torch is imported inside the commands: `--help` does not wait for it.
if TYPE_CHECKING:
    from styletransfer.training.restyle import Checkpoint

_output = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The checkpoint to write. Example: -o gallery2.ckpt",
)
_overwrite = click.option(
    "--overwrite", is_flag=True, help="Replace OUTPUT where it exists. Example: --overwrite"
)


@click.command("add-style")
@click.argument("checkpoint", metavar="CKPT", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("name")
@_output
@click.option(
    "--content",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder of photographs to learn on, a hundred or more. Example: --content holiday/",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Steps of training, on 2 crops of 192 pixels each. Example: --steps 1500",
)
@click.option(
    "--size",
    type=click.IntRange(min=16),
    help="Short side of the painting in pixels, by default that of the others; the larger, the "
    "finer the strokes of the result. "
    "Example: --size 512",
)
@click.option(
    "--loss-weights",
    default="default",
    show_default=True,
    help="Weights of the loss network: torchvision's download, or a .safetensors or .pth file. "
    "Example: --loss-weights vgg19.safetensors",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="bf16 is faster on a processor with AMX, and slower on an old one. "
    "Example: --precision bf16",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Decides the crops of the photographs. Example: --seed 1",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="CPU threads to use; by default one for each core. Example: --threads 2",
)
@_overwrite
@click.option("--quiet", is_flag=True, help="No progress, no summary. Example: --quiet")
def add_style(
    checkpoint: Path,
    image: Path,
    name: str,
    output: Path,
    content: Path,
    steps: int,
    size: int | None,
    loss_weights: str,
    precision: Literal["fp32", "bf16"],
    seed: int,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Teach the network in CKPT the painting IMAGE as a further style, NAME.

    Only what belongs to the new style is trained; the others stay as they are, bit for bit. Make
    the ONNX file of the result with export.py.

    Example: styletransfer add-style gallery.ckpt painting.jpg monet -o gallery2.ckpt --content
    holiday/
    """
    with extra("train"):
        import torch

        from styletransfer.training import append, restyle

    with _refusals():
        _check_output(output, checkpoint, overwrite)
        loaded = restyle.read_checkpoint(checkpoint)
        restyle.check_new_names([name], loaded["styletransfer"]["styles"])
        aim = restyle.objective(loaded)
        if size is not None:
            aim = replace(aim, style_size=size)
        for note in append.painting_notes(image, aim.style_size):
            click.echo(f"Warning: {image}: {note}", err=True)
        photographs = append.find_photographs(content)
        if threads is not None:
            torch.set_num_threads(threads)
        painting = append.Painting(image, aim, loss_weights, precision)
        result = append.add_style(loaded, painting, name, photographs, steps, seed, quiet)
    _write(result, output, quiet)


@click.command("select-styles")
@click.argument("checkpoint", metavar="CKPT", type=click.Path(path_type=Path))
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@_output
@_overwrite
@click.option("--quiet", is_flag=True, help="No summary. Example: --quiet")
def select_styles(
    checkpoint: Path, names: tuple[str, ...], output: Path, overwrite: bool, quiet: bool
) -> None:
    """Keep of the network in CKPT the styles NAME alone, in that order.

    So styles are removed and reordered; the identity always stays, as the first. What stays is
    as it was, bit for bit.

    Example: styletransfer select-styles gallery.ckpt udnie the_scream -o two.ckpt
    """
    with extra("train"):
        from styletransfer.training import restyle

    with _refusals():
        _check_output(output, checkpoint, overwrite)
        result = restyle.select_styles(restyle.read_checkpoint(checkpoint), names)
    _write(result, output, quiet)


def _check_output(output: Path, checkpoint: Path, overwrite: bool) -> None:
    if output.exists() and checkpoint.exists() and output.samefile(checkpoint):
        raise click.UsageError(f"{output} is the input, and would be overwritten; give another")
    if output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists already; --overwrite replaces it")
    if not output.parent.is_dir():
        raise click.UsageError(f"{output.parent}: no such folder; make it first")


def _write(checkpoint: "Checkpoint", output: Path, quiet: bool) -> None:
    import torch

    from styletransfer.atomic import written_whole

    try:
        with written_whole(output) as file:
            torch.save(checkpoint, file)
    except OSError as error:
        raise click.ClickException(f"{output}: cannot be written ({error.strerror})") from None
    if not quiet:
        names = ", ".join(checkpoint["styletransfer"]["styles"])
        click.echo(f"wrote {output}: {names}")


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what stops a call into click's errors: status 2, or 1 for work that failed."""
    from styletransfer.checkpoint import CheckpointError
    from styletransfer.images import ImageError
    from styletransfer.training.module import DivergenceError
    from styletransfer.training.photographs import TrainingDataError
    from styletransfer.training.restyle import StyleListError

    try:
        yield
    except (StyleListError, TrainingDataError, FileNotFoundError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    except (CheckpointError, ImageError, DivergenceError) as error:
        raise click.ClickException(str(error)) from None
