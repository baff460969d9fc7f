"""`styletransfer styles`, `styletransfer stylize` and `styletransfer contact-sheet`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

# What reads pictures and runs models is imported inside the commands: `--help` waits for none.
if TYPE_CHECKING:
    from styletransfer.images import Picture
    from styletransfer.inference.masks import Region

EACH = "each"

_model = click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An ONNX file made by export.py; by default the gallery that comes with styletransfer. "
    "Example: --model mine.onnx",
)
_overwrite = click.option(
    "--overwrite", is_flag=True, help="Replace files that exist. Example: -o out.jpg --overwrite"
)


@click.command()
@_model
def styles(model: Path | None) -> None:
    """List the styles of a model, one a line.

    Example: styletransfer styles --model mine.onnx
    """
    from styletransfer.inference import Stylizer

    with _refusals():
        click.echo("\n".join(Stylizer(model).styles))


@click.command()
@click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write, or a folder, made where there is none. Example: -o painted.jpg",
)
@click.option(
    "--style",
    help="A style, a blend, 'each' for all, or a folder of masks named after styles. "
    "Example: --style the_scream:0.6,udnie:0.4",
)
@click.option(
    "--mask",
    "masks",
    metavar="FILE=STYLE",
    multiple=True,
    help="A style for the white of a mask, or for the rest; repeat it. "
    "Example: --mask sky.png=starry_night --mask rest=udnie",
)
@click.option(
    "--strength",
    type=float,
    default=1.0,
    show_default=True,
    help="From 0, the photograph, to 1, the whole style. Example: --strength 0.7",
)
@click.option(
    "--preserve-colors",
    is_flag=True,
    help="Keep the photograph's colours; only its light and dark are painted. "
    "Example: --preserve-colors",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    help="Scale the short side to so many pixels first. Example: --size 720",
)
@click.option(
    "--tile",
    default="auto",
    show_default=True,
    metavar="auto|N|off",
    help="Work on N rows at a time, with the same result; 'auto' does so where the picture needs "
    "more than --memory. Example: --tile 1024",
)
@click.option(
    "--memory",
    default="1GB",
    show_default=True,
    help="What 'auto' keeps to. Example: --memory 500MB",
)
@_model
@click.option(
    "--provider",
    default="auto",
    show_default=True,
    help="What to run on, by ONNX Runtime's names: cpu, cuda, tensorrt, coreml, directml, ... "
    "Example: --provider cuda",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="CPU threads to use; by default one for each core. Example: --threads 2",
)
@_overwrite
@click.option(
    "--quiet", is_flag=True, help="No progress, no summary. Example: --quiet 2> errors.txt"
)
@click.pass_context
def stylize(
    ctx: click.Context,
    inputs: tuple[Path, ...],
    output: Path,
    style: str | None,
    masks: tuple[str, ...],
    strength: float,
    preserve_colors: bool,
    size: int | None,
    tile: str,
    memory: str,
    model: Path | None,
    provider: str,
    threads: int | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Stylize pictures, and all pictures in folders.

    A folder's pictures keep their names and their tree; --style each writes photo-STYLE.jpg for
    every style. An image that fails is named on stderr, and the others are still done.

    Example: styletransfer stylize photos/ -o painted/ --style the_scream --size 720
    """
    from styletransfer.inference import Stylizer
    from styletransfer.inference.blend import parse_blend
    from styletransfer.inference.masks import read_masks
    from styletransfer.inference.outputs import plan_outputs
    from styletransfer.inference.painter import Painter, parse_tiles
    from styletransfer.inference.work import progress, report, stylize_task

    with _refusals():
        stylizer = Stylizer(model, threads=threads, provider=provider)
        tiles, notes = parse_tiles(tile, memory, stylizer.receptive_field)
        if tiles is not None and not tiles.auto:
            _ = stylizer.segments  # a network that can't be tiled is refused before any work
        regions = _regions(style, masks, stylizer.styles)
        texts = [""] if regions else _chosen_styles(style, stylizer.styles)
        for text in texts:
            parse_blend(text or stylizer.styles[0], stylizer.styles, strength)
        mask_files = [region.mask for region in regions if region.mask is not None]
        jobs = plan_outputs(
            inputs, output, texts, each=style == EACH, overwrite=overwrite, spared=mask_files
        )
        shapes, mask_notes = read_masks(regions)
    for note in (*notes, *mask_notes):
        report(note)
    painter = Painter(
        stylizer,
        strength=strength,
        preserve_colors=preserve_colors,
        regions=regions,
        masks=shapes,
        tiles=tiles,
    )
    due = sum(len(job.targets) for job in jobs)
    with progress(due, quiet=quiet) as bar:
        written = sum(stylize_task(painter, job, size, bar) for job in jobs)
    if written and not quiet:
        whole = f"{written}" if written == due else f"{written} of {due}"
        where = f"{output}/" if output.is_dir() else f"{output}"
        click.echo(f"wrote {whole} {'picture' if due == 1 else 'pictures'} to {where}")
    if written < due:
        ctx.exit(1)


@click.command("contact-sheet")
@click.argument(
    "photos", metavar="PHOTO...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The picture to write. Example: -o sheet.png",
)
@click.option(
    "--style",
    "chosen",
    multiple=True,
    help="A style or a blend to show, as often as you like; by default every style. "
    "Example: --style udnie --style udnie:0.5,the_scream:0.5 --style the_scream",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="The short side of each picture on the sheet, in pixels. Example: --size 400",
)
@_model
@_overwrite
@click.pass_context
def contact_sheet(
    ctx: click.Context,
    photos: tuple[Path, ...],
    output: Path,
    chosen: tuple[str, ...],
    size: int,
    model: Path | None,
    overwrite: bool,
) -> None:
    """Draw photographs in every style, or in chosen blends, on one labelled sheet.

    Example: styletransfer contact-sheet photo.jpg -o sheet.png --size 320
    """
    from styletransfer.errors import RequestError
    from styletransfer.images import write_image
    from styletransfer.inference import Stylizer
    from styletransfer.inference.blend import parse_blend
    from styletransfer.inference.contact_sheet import contact_sheet as draw
    from styletransfer.inference.outputs import check_targets, gather, is_picture_name
    from styletransfer.inference.work import make_folder, one_picture, progress, stylize_row

    with _refusals():
        stylizer = Stylizer(model)
        shown = chosen or stylizer.styles[1:]
        for style in shown:
            parse_blend(style, stylizer.styles)
        if not is_picture_name(output):
            raise RequestError(
                f"{output}: this is no name of a picture; give one such as sheet.png"
            )
        sources = [source.path for source in gather(photos, output)]
        check_targets(sources, [output], overwrite=overwrite)
    rows: list[list[Picture]] = []
    with progress(len(sources) * len(shown), quiet=False) as bar:
        for source in sources:
            with one_picture(source):
                rows.append(stylize_row(stylizer, source, shown, size, bar))
    if rows:
        with one_picture(output):
            make_folder(output)
            write_image(output, draw(["photograph", *shown], rows))
            click.echo(f"wrote {output}")
            if len(rows) == len(sources):
                return
    ctx.exit(1)


def _chosen_styles(style: str | None, names: Sequence[str]) -> Sequence[str]:
    """Return the style texts to paint, for the `--style` given, if one was."""
    paintings = names[1:]
    if style == EACH and paintings:
        return paintings
    if style is not None:
        return [style]
    if len(paintings) == 1:
        return paintings
    choice = ", ".join(paintings or names)
    raise click.UsageError(f"give a --style: {choice}, or {EACH} for all of them")


def _regions(style: str | None, masks: Sequence[str], names: Sequence[str]) -> "list[Region]":
    """Return the styles of regions, from --mask or from a folder given as --style."""
    from styletransfer.inference.masks import masks_in, parse_masks

    if masks:
        if style is not None:
            raise click.UsageError(
                "--mask and --style both choose the styles; "
                "--mask rest=STYLE is for what no mask covers"
            )
        return parse_masks(masks, names)
    if style is None or style == EACH or style in names or not Path(style).is_dir():
        return []
    return masks_in(Path(style), names)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what stops a call into click's errors: status 2, or 1 for files that are not usable."""
    from styletransfer.errors import ModelError, ProviderError, StyleError
    from styletransfer.errors import RequestError as PlanError
    from styletransfer.images import ImageError

    try:
        yield
    except (StyleError, PlanError, ProviderError) as error:
        raise click.UsageError(str(error)) from None
    except (ModelError, ImageError) as error:
        raise click.ClickException(str(error)) from None
