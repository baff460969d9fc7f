"""`styletransfer contact-sheet`."""

from pathlib import Path

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command


@click.command("contact-sheet", cls=Command, interrupted="no sheet was written")
@click.argument("photographs", metavar="PHOTOGRAPH...", nargs=-1, required=True, type=options.PATH)
@options.output(options.TARGET, "Picture to write. Example: -o sheet.png")
@click.option(
    "--style",
    "styles",
    multiple=True,
    help="Style or blend to show; repeat the option for more. The default is every style. "
    "Example: --style udnie --style udnie:0.5,the_scream:0.5 --style the_scream",
)
@options.short_side("Short side of each picture on the sheet, in pixels.", default=256, example=400)
@options.model
@options.overwrite
@options.quiet
@click.pass_context
def contact_sheet(
    ctx: click.Context,
    photographs: tuple[Path, ...],
    output: Path,
    styles: tuple[str, ...],
    short_side: int,
    model: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Show photographs in every style, or in chosen styles and blends, on one labeled sheet.

    Example: styletransfer contact-sheet photo.jpg -o sheet.png --short-side 320
    """
    from styletransfer.inference import Stylizer
    from styletransfer.inference.files import write_contact_sheet

    done = write_contact_sheet(
        Stylizer(model),
        photographs,
        output,
        styles=styles,
        short_side=short_side,
        overwrite=overwrite,
        quiet=quiet,
    )
    if done.written and not quiet:
        click.echo(f"wrote {output}")
    if done.written < done.due:
        ctx.exit(1)
