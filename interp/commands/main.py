"""The `interp` command."""

import warnings

import click

from interp.commands.activations import activations
from interp.commands.attack import attack
from interp.commands.class_image import class_image
from interp.commands.dream import dream
from interp.commands.embed import embed
from interp.commands.facets import facets
from interp.commands.filters import filters
from interp.commands.invert import invert
from interp.commands.layers import layers
from interp.commands.neighbors import neighbors
from interp.commands.patches import patches
from interp.commands.quilt import quilt
from interp.commands.saliency import saliency
from interp.commands.sanity import sanity
from interp.commands.segment import segment
from interp.commands.texture import texture
from interp.commands.texture_grow import texture_grow
from interp.commands.transfer import transfer
from styletransfer import __version__
from styletransfer.commands.command_line import OneLineErrors
from styletransfer.commands.extras import extra

# Which extra brings what the base installation lacks; all else comes with `interp`.
_EXTRAS = {"cv2": "segment", "av": "video"}


class _Commands(OneLineErrors):
    """Tells of a missing extra in one line, whatever the command."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            with extra(_EXTRAS.get(str(error.name).partition(".")[0], "interp")):
                raise


@click.group(cls=_Commands, invoke_without_command=True)
@click.version_option(__version__, prog_name="interp")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Look inside an image classifier, and make images with it.

    Example: interp neighbors photos/ --query cat.jpg --model resnet18 -o neighbors.png
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


# The commands import torch and its like inside their functions: `--help` waits for none.
for _command in (
    *(layers, filters, activations, patches, neighbors, embed, attack, saliency, sanity, segment),
    *(class_image, facets, dream, invert, texture, transfer, texture_grow, quilt),
):
    cli.add_command(_command)


def main() -> None:
    """Run the `interp` command and exit with its status."""
    # Pillow warns of what is odd in a file; what matters of it is told as an error or a note.
    warnings.filterwarnings("ignore", module="PIL")
    cli(prog_name="interp")
