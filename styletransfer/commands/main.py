"""The `styletransfer` command."""

import logging
import warnings

import click

from styletransfer.commands.command_line import OneLineErrors
from styletransfer.commands.evaluate import evaluate
from styletransfer.commands.stylize_dataset import stylize_dataset
from styletransfer.stylize_command import contact_sheet, styles, stylize
from styletransfer.training.append_command import add_style, select_styles


@click.group(cls=OneLineErrors, invoke_without_command=True)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Paint photographs in the style of a painting, with one small ONNX model.

    Example: styletransfer stylize photo.jpg -o painted.jpg --style the_scream
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


cli.add_command(styles)
cli.add_command(stylize)
cli.add_command(contact_sheet)
cli.add_command(stylize_dataset)
cli.add_command(evaluate)
cli.add_command(add_style)
cli.add_command(select_styles)


def main() -> None:
    """Run the `styletransfer` command and exit with its status."""
    # Pillow warns of what is odd in a file; what matters of it is told as an error or a note.
    warnings.filterwarnings("ignore", module="PIL")
    logging.basicConfig(format="%(levelname)s: %(message)s")
    cli(prog_name="styletransfer")
