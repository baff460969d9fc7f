"""The `styletransfer` command."""

import logging
import sys
import warnings
from collections.abc import Sequence

import click

from styletransfer import __version__
from styletransfer.commands.add_style import add_style
from styletransfer.commands.command_line import OneLineErrors
from styletransfer.commands.contact_sheet import contact_sheet
from styletransfer.commands.evaluate import evaluate
from styletransfer.commands.export import export
from styletransfer.commands.select_styles import select_styles
from styletransfer.commands.styles import styles
from styletransfer.commands.stylize import stylize
from styletransfer.commands.stylize_dataset import stylize_dataset
from styletransfer.commands.train import train
from styletransfer.commands.video import video
from styletransfer.commands.web import web


@click.group(cls=OneLineErrors, invoke_without_command=True)
@click.version_option(__version__, prog_name="styletransfer")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Paint photographs in the style of paintings, with one small ONNX model.

    Example: styletransfer stylize photo.jpg -o painted.jpg --style the_scream
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


# Commands import NumPy, Pillow and ONNX Runtime when they run, so that `--help` is quick.
for command in (
    stylize,
    styles,
    contact_sheet,
    stylize_dataset,
    video,
    train,
    export,
    evaluate,
    add_style,
    select_styles,
    web,
):
    cli.add_command(command)


def main(words: Sequence[str] = ()) -> None:
    """Run the `styletransfer` command and exit with its status.

    Args:
        words: Words to put before those of the command line.
    """
    # Pillow warns of oddities in a file. Those that matter are reported as errors or notes.
    warnings.filterwarnings("ignore", module="PIL")
    logging.basicConfig(format="%(levelname)s: %(message)s")
    cli([*words, *sys.argv[1:]], prog_name="styletransfer")
