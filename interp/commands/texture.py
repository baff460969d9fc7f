"""`interp texture`: a texture from Gram matrices."""

from pathlib import Path
from typing import Literal

import click

from interp.commands import options
from interp.commands.optimization import listed, make_optimizer, optimization
from interp.files import read_opaque
from interp.progress import report
from interp.recording import Recorder, Recording


@click.command()
@click.argument("sample", type=options.PATH)
@options.texture_size("By default the sample's. Example: --size 512")
@options.whole_number(
    "--sample-size",
    "Short side to which the sample is scaled first, in pixels. Example: --sample-size 256",
)
@click.option(
    "--taps",
    help="Taps whose Gram matrices are compared; by default relu1_1 and pool1 to pool4. "
    "Example: --taps relu1_1,pool1,pool2,pool3",
)
@options.choice(
    "--pooling",
    ["max", "average"],
    "Pooling of the loss network. Example: --pooling max",
    default="average",
)
@options.whole_number(
    "--levels",
    "Number of sizes, coarse to fine, each twice the one before; by default as many as leave "
    "the sample 32 pixels. Example: --levels 1",
)
@options.loss_network
@optimization
@options.seed
@options.recording
def texture(
    sample: Path,
    size: str | None,
    sample_size: int | None,
    taps: str | None,
    pooling: Literal["max", "average"],
    model: options.ModelChoice,
    steps: int,
    levels: int | None,
    optimizer: str,
    rate: float | None,
    seed: int,
    recording: Recording,
) -> None:
    """Make a texture like SAMPLE from noise, by the Gram matrices of a network (Gatys 2015).

    Its colors are in the end those of SAMPLE. Ctrl-C writes what there is. --data holds `image`,
    3×H×W in 0..1, and `losses`, the loss before each step, level after level.

    Example: interp texture petals.png --size 512 -o more.png
    """
    wanted = None if size is None else options.parsed_size(size)
    import numpy as np

    from interp.network.photographs import planes_of, shown
    from interp.synthesis.gram_texture import TEXTURE_TAPS, synthesize_texture, texture_levels
    from styletransfer.images import to_tensor

    files = recording.files
    files.check([sample], drawn=False)
    pixels = read_opaque(sample, sample_size, report)
    image = planes_of(pixels)
    width, height = wanted or pixels.shape[1::-1]
    levels = levels or texture_levels(image, height, width)
    recorder = Recorder(steps * levels, recording, [sample])
    read = TEXTURE_TAPS if taps is None else listed(taps)
    network = model.load_loss_network(read, pooling)
    with recorder:
        outcome = synthesize_texture(
            network,
            image.to(network.mean.device),
            height,
            width,
            taps=read,
            levels=levels,
            steps=steps,
            optimizer=make_optimizer(optimizer, rate),
            seed=seed,
            on_step=recorder.step,
        )
    made = shown(outcome.picture)
    files.write(made, image=to_tensor(made)[0], losses=np.array(outcome.losses))
    options.finish(recorder, outcome.interrupted)
