"""`interp texture-grow`: more of a texture, pixel by pixel."""

from pathlib import Path

import click

from interp.commands import options
from interp.files import read_opaque
from interp.progress import report
from interp.recording import Recorder, Recording


@click.command()
@click.argument("sample", type=options.PATH)
@options.texture_size("Example: --size 192x128", required=True)
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
def texture_grow(sample: Path, size: str, window: int, seed: int, recording: Recording) -> None:
    """Make more of a small texture, pixel by pixel from the middle (Efros and Leung 1999).

    Every pixel is copied from a place of SAMPLE with like surroundings. A step is a ring of pixels.
    Ctrl-C writes what there is, the rest gray. --data holds `image`, 3×H×W in 0..1, and `places`,
    H×W×2: row and column in SAMPLE of each pixel.

    Example: interp texture-grow leaves.png --size 128 -o more.png
    """
    width, height = options.parsed_size(size)
    from interp.patches.growing import check_growth, count_rings, grow_texture

    recording.files.check([sample], drawn=False)
    pixels = read_opaque(sample, None, report)
    check_growth(pixels, height, width, window)
    with Recorder(count_rings(height, width), recording, [sample], unit="ring") as recorder:
        texture = grow_texture(
            pixels, height, width, window=window, seed=seed, on_step=recorder.picture
        )
    options.write_texture(texture, recording.files, recorder)
