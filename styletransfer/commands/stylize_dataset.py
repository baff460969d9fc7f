"""The command `styletransfer stylize-dataset`."""

from pathlib import Path
from typing import Any

import click

from styletransfer.commands.extras import extra

# What reads pictures and runs models is imported inside the command: `--help` waits for none.
FORMATS = ("same", "jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp")


def _strength(_ctx: click.Context, _: click.Parameter, text: str) -> tuple[float, float]:
    from styletransfer.dataset.settings import parse_strength

    return parse_strength(text)


def _shard(_ctx: click.Context, _: click.Parameter, text: str) -> tuple[int, int]:
    number, _slash, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise click.BadParameter(f"{text} is not of the form i/n, from 1/n to n/n")


@click.command("stylize-dataset")
@click.argument("src")
@click.argument("dst")
@click.option(
    "--style",
    help="A style or a blend for all, 'random' for one drawn for each file, or 'each' for all "
    "styles, in a folder each. Example: --style random",
)
@click.option(
    "--style-from",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV table of paths below SRC and their styles. Example: --style-from styles.csv",
)
@click.option(
    "--strength",
    default="1",
    show_default=True,
    callback=_strength,
    help="From 0, the photograph, to 1, or a range to draw from for each file. "
    "Example: --strength 0.4..1",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="What random styles and strengths are drawn from. Example: --seed 7",
)
@click.option(
    "--preserve-colors",
    is_flag=True,
    help="Keep the colours of the photographs. Example: --style udnie --preserve-colors",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    help="Scale the short side to so many pixels first. Example: --size 256",
)
@click.option(
    "--crop",
    is_flag=True,
    help="Cut the middle square out of what --size gives. Example: --size 224 --crop",
)
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    default="same",
    show_default=True,
    help="The format to write; 'same' is that of each file. Example: --format jpg",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="The quality of JPEG and WebP. Example: --format jpg --quality 90",
)
@click.option(
    "--copy-others",
    is_flag=True,
    help="Copy the files that are no images, such as labels. Example: --copy-others",
)
@click.option(
    "--shard",
    default="1/1",
    show_default=True,
    callback=_shard,
    help="Do this part alone; other machines do the others. Example: --shard 2/8",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where the work is done: here, or on a Ray cluster. Example: --engine ray",
)
@click.option(
    "--ray-address",
    help="The cluster for --engine ray; without it one is started here. "
    "Example: --engine ray --ray-address auto",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="How many pictures are stylized at once; by default one for each core, or all that the "
    "cluster has. Example: --workers 4",
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Try the files again that failed before. Example: --retry-failed",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Write nothing; with the options of the run, read the data set again and compare it "
    "with its manifest. Example: --style random --verify",
)
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An ONNX file made by export.py; by default the gallery that comes with styletransfer. "
    "Example: --model mine.onnx",
)
@click.option(
    "--provider",
    default="auto",
    show_default=True,
    help="What to run on: a GPU where there is one, or one by name. Example: --provider cuda",
)
@click.option(
    "--quiet", is_flag=True, help="No progress, no summary. Example: --quiet 2> errors.txt"
)
def stylize_dataset(
    src: str,
    dst: str,
    shard: tuple[int, int],
    engine: str,
    ray_address: str | None,
    workers: int | None,
    retry_failed: bool,
    verify: bool,
    quiet: bool,
    **options: Any,  # those that the outputs depend on, the fields of Settings
) -> None:
    """Stylize a whole data set: every image of the folder SRC, into the same tree at DST.

    SRC and DST may also be WebDataset tar files, one or a pattern. The command may be stopped at
    any moment; given again, it does what is missing. manifest.csv in DST tells of each file that
    was written, failures.csv of each that could not be.

    Example: styletransfer stylize-dataset photos painted --style random --size 256 --crop

    Example: styletransfer stylize-dataset 'in/{000..099}.tar' 'out/{000..099}.tar' --style udnie
    """
    from styletransfer.dataset import Progress, stylize_dataset, verify_dataset
    from styletransfer.dataset.progress import amount

    progress = Progress(quiet=quiet)
    if verify:
        count = 0
        for finding in verify_dataset(src, dst, progress=progress, **options):
            progress.say(finding)
            count += 1
        if count:
            raise click.ClickException(f"not as the manifest says: {amount(count, 'file')}")
        click.echo(f"as the manifest says: {amount(progress.counts['found'], 'file')}")
        return
    with extra("ray"):
        outcome = stylize_dataset(
            src,
            dst,
            shard=shard,
            engine=engine,
            ray_address=ray_address,
            workers=workers,
            retry_failed=retry_failed,
            progress=progress,
            **options,
        )
    if not quiet:
        click.echo(f"{progress.summary()}; the manifest has {amount(outcome.written, 'file')}")
        if progress.shares():
            click.echo(progress.shares())
    if outcome.failed:
        failed = amount(outcome.failed, "file")
        raise click.ClickException(f"{failed} failed; {outcome.failures} tells why")
