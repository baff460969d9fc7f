"""`styletransfer stylize-dataset`."""

from typing import Any

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command
from styletransfer.commands.extras import extra
from styletransfer.errors import WorkError

FORMATS = ("same", "jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp")


def _strength(_ctx: click.Context, _: click.Parameter, text: str) -> tuple[float, float]:
    from styletransfer.dataset.settings import parse_strength

    return parse_strength(text)


def _shard(_ctx: click.Context, _: click.Parameter, text: str) -> tuple[int, int]:
    number, _slash, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise click.BadParameter(f"{text} is not of the form i/n, from 1/n to n/n")


@click.command(
    "stylize-dataset",
    cls=Command,
    interrupted="the pictures written so far are complete; the same command continues from there",
)
@click.argument("src", type=options.Place())
@click.argument("dst", type=options.Place())
@click.option(
    "--style",
    help="Style or blend for all pictures, 'random' to draw one for each file, or 'each' for every "
    "style, each in its own folder. Example: --style random",
)
@click.option(
    "--style-from",
    type=options.PRESENT_FILE,
    help="CSV file with paths below SRC and their styles. Example: --style-from styles.csv",
)
@click.option(
    "--strength",
    default="1",
    show_default=True,
    callback=_strength,
    help="Strength of the style, from 0 (the photograph) to 1, or a range from which one is drawn "
    "for each file. Example: --strength 0.4..1",
)
@options.seed("Seed of the random styles and strengths.")
@options.preserve_colors
@options.short_side(example=256)
@click.option(
    "--crop",
    is_flag=True,
    help="Keep only the middle square after scaling. Example: --short-side 224 --crop",
)
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    default="same",
    show_default=True,
    help="Format to write; 'same' keeps the format of each file. Example: --format jpg",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Quality of JPEG and WebP. Example: --format jpg --quality 90",
)
@options.strip
@click.option(
    "--copy-others",
    is_flag=True,
    help="Copy files that are not images, such as labels. Example: --copy-others",
)
@click.option(
    "--shard",
    default="1/1",
    show_default=True,
    callback=_shard,
    help="Part i/n of the work, for one of n machines. Example: --shard 2/8",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where to compute: on this machine or on a Ray cluster. Example: --engine ray",
)
@click.option(
    "--ray-address",
    help="Address of the Ray cluster; the default is to start one on this machine. "
    "Example: --engine ray --ray-address auto",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Number of pictures to stylize at once; the default is one for each core of the machine "
    "or cluster. Example: --workers 4",
)
@options.memory(
    "Memory that the pictures take at most; a picture that needs more is stylized in tiles. The "
    "default is a quarter of this machine's.",
    default=None,
)
@options.max_pixels
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Try files again that failed before. Example: --retry-failed",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Compare DST with its manifest and write nothing; give the options of the run too. "
    "Example: --style random --verify",
)
@options.model
@options.provider
@options.quiet
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
    **settings: Any,
) -> None:
    """Stylize a whole data set: every image below the folder SRC, into the same tree at DST.

    SRC and DST may also be WebDataset tar files, one or a pattern. If the command is stopped, the
    same command continues the work. In DST, manifest.csv lists the files that were written, and
    failures.csv those that failed.

    Example: styletransfer stylize-dataset photos painted --style random --short-side 256 --crop

    Example: styletransfer stylize-dataset 'in/{000..099}.tar' 'out/{000..099}.tar' --style udnie
    """
    from styletransfer.dataset import Progress, stylize_dataset, verify_dataset
    from styletransfer.dataset.progress import amount

    progress = Progress(quiet=quiet)
    if verify:
        count = 0
        for finding in verify_dataset(src, dst, progress=progress, **settings):
            progress.say(finding)
            count += 1
        if count:
            raise WorkError(f"not as the manifest says: {amount(count, 'file')}")
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
            **settings,
        )
    if not quiet:
        click.echo(f"{progress.summary()}; the manifest has {amount(outcome.written, 'file')}")
        if progress.shares():
            click.echo(progress.shares())
    if outcome.failed:
        failed = amount(outcome.failed, "file")
        raise WorkError(f"{failed} failed; see {outcome.failures}")
