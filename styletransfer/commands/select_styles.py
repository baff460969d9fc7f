"""`styletransfer select-styles`."""

from pathlib import Path

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command
from styletransfer.commands.extras import extra
from styletransfer.commands.written import check_output, write_checkpoint


@click.command("select-styles", cls=Command, interrupted="nothing was written")
@options.checkpoint
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@options.output(options.TARGET_FILE, "Checkpoint to write. Example: -o two.ckpt")
@options.device
@options.overwrite
@options.quiet
def select_styles(
    checkpoint: Path,
    names: tuple[str, ...],
    output: Path,
    device: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Keep only the styles called NAME of the network in CKPT, in this order.

    The style `identity` always stays, as the first one. Nothing is trained, and the styles that
    stay do not change by a bit.

    Example: styletransfer select-styles gallery.ckpt udnie the_scream -o two.ckpt
    """
    check_output(output, overwrite=overwrite, inputs=[checkpoint])
    with extra("train"):
        from styletransfer import checkpoint as checkpoints
        from styletransfer.device import choose_device

    with choose_device(device):
        result = checkpoints.select_styles(checkpoints.read_checkpoint(checkpoint), names)
    write_checkpoint(result, output)
    if not quiet:
        click.echo(f"wrote {output}: {', '.join(result['styletransfer']['styles'])}")
