"""`styletransfer stylize`."""

import sys
from pathlib import Path

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command

PIPE = Path("-")
FORMATS = ("png", "jpg", "webp", "tiff", "bmp")


@click.command(cls=Command, interrupted="the pictures written so far are whole")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=options.PATH)
@options.output(
    options.TARGET,
    "File or folder to write, or - for standard output. A missing folder is made. "
    "Example: -o painted.jpg",
)
@click.option(
    "--style",
    help="Style, blend, 'each' for every style, or a folder of masks named after styles. "
    "Example: --style the_scream:0.6,udnie:0.4",
)
@click.option(
    "--mask",
    "masks",
    metavar="FILE=STYLE",
    multiple=True,
    help="Style for the white part of a mask, or for the rest; repeat the option for more masks. "
    "Example: --mask sky.png=starry_night --mask rest=udnie",
)
@options.strength
@options.preserve_colors
@options.short_side()
@click.option(
    "--tile",
    default="auto",
    show_default=True,
    metavar="auto|N|off",
    help="Side of tiles in pixels. Tiles need less memory and give the same result. 'auto' uses "
    "them for pictures that need more than --memory. Example: --tile 1024",
)
@options.memory("Greatest memory that --tile auto may use.", default="1GB")
@options.max_pixels
@options.strip
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    help="Format for standard output; the default is png. Example: -o - --format jpg",
)
@options.model
@options.provider
@options.threads
@options.overwrite
@options.quiet
@click.pass_context
def stylize(
    ctx: click.Context,
    inputs: tuple[Path, ...],
    output: Path,
    style: str | None,
    masks: tuple[str, ...],
    strength: float,
    preserve_colors: bool,
    short_side: int | None,
    tile: str,
    memory: str,
    max_pixels: int,
    strip: bool,
    format: str | None,
    model: Path | None,
    provider: str,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Stylize pictures, and all pictures in folders.

    The pictures of a folder keep their names and subfolders. --style each writes photo-STYLE.jpg
    for every style. If a file fails, stderr names it and the work goes on. INPUT - is standard
    input.

    Example: styletransfer stylize photos/ -o painted/ --style the_scream --short-side 720

    Example: curl URL | styletransfer stylize - -o - --style udnie --format jpg > painted.jpg
    """
    from styletransfer.inference import Stylizer
    from styletransfer.inference.files import PictureOptions, stylize_files, stylize_piped

    if format is not None and output != PIPE:
        raise click.UsageError("--format needs -o -; the format of a file follows from its suffix")
    if PIPE in (*inputs, output) and len(inputs) > 1:
        raise click.UsageError("give only one INPUT with -")
    stylizer = Stylizer(model, threads=threads, provider=provider)
    painting = PictureOptions(
        style=style,
        masks=masks,
        strength=strength,
        preserve_colors=preserve_colors,
        short_side=short_side,
        tile=tile,
        memory=memory,
        max_pixels=max_pixels,
        strip=strip,
    )
    if PIPE in (*inputs, output):
        source = sys.stdin.buffer if inputs[0] == PIPE else inputs[0]
        target = sys.stdout.buffer if output == PIPE else output
        stylize_piped(stylizer, source, target, painting, format or "png", overwrite=overwrite)
        return
    done = stylize_files(stylizer, inputs, output, painting, overwrite=overwrite, quiet=quiet)
    if done.written and not quiet:
        whole = f"{done.written}" if done.whole else f"{done.written} of {done.due}"
        noun = "picture" if done.due == 1 else "pictures"
        where = f"{output}/" if output.is_dir() else f"{output}"
        click.echo(f"wrote {whole} {noun} to {where}")
    if not done.whole:
        ctx.exit(1)
