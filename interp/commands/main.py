"""The `interp` command."""

import warnings

import click

import interp.adversarial.commands as adversarial
import interp.commands.texture as texture
import interp.commands.transfer as transfer
import interp.features.commands as features
import interp.features.space_commands as feature_space
import interp.patches.commands as patches
import interp.saliency.commands as saliency
import interp.synthesis.class_commands as class_images
import interp.synthesis.photo_commands as photographs
from styletransfer.commands.command_line import OneLineErrors


@click.group(cls=OneLineErrors, invoke_without_command=True)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Look inside an image classifier, and make images with it.

    Example: interp neighbors photos/ --query cat.jpg --model resnet18 -o neighbors.png
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


# The modules of commands import torch and its like inside their functions: `--help` waits for none.
for area in (features, feature_space, adversarial, saliency):
    for command in area.COMMANDS:
        cli.add_command(command)
for area in (class_images, photographs, texture, transfer, patches):
    for command in area.COMMANDS:
        cli.add_command(command)


def main() -> None:
    """Run the `interp` command and exit with its status."""
    # Pillow warns of what is odd in a file; what matters of it is told as an error or a note.
    warnings.filterwarnings("ignore", module="PIL")
    cli(prog_name="interp")
