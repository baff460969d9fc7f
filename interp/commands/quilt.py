"""`interp quilt`: more of a texture, block by block, or a photograph made of it."""

from functools import partial
from pathlib import Path

import click

from interp.commands import options
from interp.files import read_opaque
from interp.progress import report
from interp.recording import Recorder, Recording


@click.command()
@click.argument("sample", type=options.PATH)
@options.texture_size(
    "With --onto the short side of the photograph, which otherwise keeps its size. "
    "Example: --size 1024x768"
)
@click.option(
    "--block",
    type=int,
    help="Side of the blocks in pixels: more than the texture's features, several times less than "
    "SAMPLE. By default 36, with --onto 18 in the first pass. Example: --block 48",
)
@click.option(
    "--onto",
    type=options.PATH,
    metavar="PHOTO",
    help="Photograph to make of the texture, by its light and shade. Example: --onto face.jpg",
)
@options.seed
@options.recording
def quilt(
    sample: Path,
    size: str | None,
    block: int | None,
    onto: Path | None,
    seed: int,
    recording: Recording,
) -> None:
    """Make more of a texture, sewing blocks of it together (Efros and Freeman 2001).

    The blocks overlap, and are cut where they differ least. With --onto they are chosen to be as
    light and as dark as a photograph, in three passes of smaller and smaller blocks. A step is a
    block. Ctrl-C writes what there is, the rest gray. --data holds `image`, 3×H×W in 0..1, and
    `places`, H×W×2: row and column in SAMPLE of each pixel.

    Example: interp quilt petals.png --size 512 -o more.png
    """
    if onto is None and size is None:
        raise click.UsageError("give the --size of the texture, or a photograph with --onto")
    width, height = (0, 0) if size is None else options.parsed_size(size)
    if onto is not None and width != height:
        raise click.UsageError(
            f"with --onto the photograph gives the shape; --size {min(width, height)} is its "
            "short side"
        )
    from interp.patches import quilting, transfer

    sources = [sample] if onto is None else [sample, onto]
    recording.files.check(sources, drawn=False)
    pixels = read_opaque(sample, None, report)
    if onto is None:
        side = quilting.BLOCK if block is None else block
        quilting.check_blocks(pixels, height, width, side)
        steps = quilting.count_blocks(height, width, side)
        work = partial(quilting.quilt, pixels, height, width)
    else:
        side = transfer.BLOCK if block is None else block
        photograph = read_opaque(onto, height or None, report)
        height, width = photograph.shape[:2]
        steps = transfer.count_transfer(height, width, side)
        work = partial(transfer.transfer_texture, pixels, photograph)
    with Recorder(steps, recording, sources, unit="block") as recorder:
        texture = work(block=side, seed=seed, on_step=recorder.picture)
    options.write_texture(texture, recording.files, recorder)
