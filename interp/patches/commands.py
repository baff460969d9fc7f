"""The commands that make more of a texture: pixel by pixel, and block by block."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from interp.commands import options

if TYPE_CHECKING:
    from interp.commands.files import Outputs
    from interp.patches.texture import Texture
    from interp.recording import Recorder
    from styletransfer.images import Pixels

_PATH = click.Path(path_type=Path)

_sample = click.argument("sample", type=_PATH)


@click.command()
@_sample
@click.option(
    "--size",
    required=True,
    metavar="WxH|N",
    help="Of the texture, in pixels; N is N×N. Example: --size 192x128",
)
@click.option(
    "--window",
    type=int,
    default=11,
    show_default=True,
    help="Side of what is compared around a pixel, odd; a little more than the texture's largest "
    "regular feature. Example: --window 17",
)
@options.seed
@options.recording
def texture_grow(
    sample: Path,
    size: str,
    window: int,
    seed: int,
    recording: options.Recording,
) -> None:
    """Make more of a small texture, pixel by pixel from the middle (Efros and Leung 1999).

    Every pixel is one of SAMPLE, whose surroundings are like those that it gets. A step is a ring
    of pixels. Ctrl-C writes what there is, the rest gray. --data holds `image`, 3×H×W in 0..1, and
    `places`, H×W×2: row and column in SAMPLE of each pixel.

    Example: interp texture-grow leaves.png --size 128 -o more.png
    """
    width, height = options.parsed_size(size)
    with options.refusals():
        from interp.commands.files import read_opaque
        from interp.patches.growing import check_growth, count_rings, grow_texture
        from interp.recording import Recorder, checked_outputs

        files = checked_outputs(recording, [sample])
        pixels = read_opaque(sample, None, options.report)
        check_growth(pixels, height, width, window)
        with Recorder(count_rings(height, width), recording, [sample], unit="ring") as recorder:
            texture = grow_texture(
                pixels, height, width, window=window, seed=seed, on_step=_noted(recorder)
            )
            _write(texture, files, recorder)


@click.command()
@_sample
@click.option(
    "--size",
    metavar="WxH|N",
    help="Of the texture, in pixels; N is N×N. With --onto the short side of the photograph, "
    "which otherwise keeps its size. Example: --size 1024x768",
)
@click.option(
    "--block",
    type=int,
    help="Side of the blocks; more than the texture's features, several times less than SAMPLE. "
    "By default 36, with --onto 24 in the first pass. Example: --block 48",
)
@click.option(
    "--onto",
    type=_PATH,
    metavar="PHOTO",
    help="A photograph to make of the texture, by its light and shade. Example: --onto face.jpg",
)
@options.seed
@options.recording
def quilt(
    sample: Path,
    size: str | None,
    block: int | None,
    onto: Path | None,
    seed: int,
    recording: options.Recording,
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
    with options.refusals():
        from interp.commands.files import read_opaque
        from interp.patches import quilting, transfer
        from interp.recording import Recorder, checked_outputs

        sources = [sample] if onto is None else [sample, onto]
        files = checked_outputs(recording, sources)
        pixels = read_opaque(sample, None, options.report)
        if onto is None:
            side = quilting.BLOCK if block is None else block
            quilting.check_blocks(pixels, height, width, side)
            steps = quilting.count_blocks(height, width, side)
            work = partial(quilting.quilt, pixels, height, width)
        else:
            side = transfer.BLOCK if block is None else block
            photograph = read_opaque(onto, height or None, options.report)
            height, width = photograph.shape[:2]
            steps = transfer.count_transfer(height, width, side)
            work = partial(transfer.transfer_texture, pixels, photograph)
        with Recorder(steps, recording, sources, unit="block") as recorder:
            texture = work(block=side, seed=seed, on_step=_noted(recorder))
            _write(texture, files, recorder)


def _noted(recorder: "Recorder") -> "Callable[[Pixels], None]":
    """Note a step's picture, which the work goes on painting over."""
    return lambda pixels: recorder.note(pixels.copy)


def _write(texture: "Texture", files: "Outputs", recorder: "Recorder") -> None:
    """Write what there is, and exit with 130 if that is not all."""
    from styletransfer.images import to_tensor

    unknown = float((texture.places[..., 0] < 0).mean())
    if texture.interrupted and unknown == 1:
        raise KeyboardInterrupt
    files.write(texture.pixels, image=to_tensor(texture.pixels)[0], places=texture.places)
    if unknown:
        options.report(f"{unknown:.0%} of the picture is still gray")
    recorder.finish(interrupted=texture.interrupted)


COMMANDS = (texture_grow, quilt)
