"""`interp invert`: an image rebuilt from the features of a layer."""

from pathlib import Path

import click

from interp.commands import options
from interp.progress import report
from interp.recording import Recorder, Recording


@click.command()
@options.image
@click.option(
    "--layer",
    "layers",
    multiple=True,
    help="Layer whose features are inverted; may be repeated. By default six from the first to "
    "the last. Example: --layer features.3 --layer features.12",
)
@options.whole_number(
    "--size",
    "Side of the square that is used, in pixels; by default the model's. Example: --size 96",
)
@options.whole_number(
    "--steps",
    "Number of L-BFGS iterations for each layer. Example: --steps 100",
    default=200,
)
@click.option(
    "--total-variation",
    type=click.FloatRange(min=0),
    default=1e-3,
    show_default=True,
    help="Weight of TV with β = 2: more is smoother. Example: --total-variation 0.01",
)
@click.option(
    "--norm",
    type=click.FloatRange(min=0),
    default=1e-3,
    show_default=True,
    help="Weight of the 6-norm, which keeps pixels in range. Example: --norm 0.01",
)
@options.model
@options.seed
@options.recording
def invert(
    image: Path,
    layers: tuple[str, ...],
    size: int | None,
    steps: int,
    total_variation: float,
    norm: float,
    model: options.ModelChoice,
    seed: int,
    recording: Recording,
) -> None:
    """Rebuild IMAGE from the features of each layer alone: what is lost is unknown to the layer.

    Below each stand the relative error of the features, ‖Φ − Φ₀‖/‖Φ₀‖, and the PSNR of the pixels.
    Ctrl-C writes what there is. --data holds `image`, L×3×H×W in 0..1, `original`, `errors`,
    `psnr` and `layers`.

    Example: interp invert photo.jpg --layer features.3 --layer features.12 -o inversion.jpg
    """
    import numpy as np

    from interp.network.photographs import read_pixels
    from interp.synthesis.inversion import check_inversion, draw_inversions, invert_layers

    files = recording.files
    files.check([image])
    classifier = model.load(quiet=files.quiet, partial=True)
    if size is not None:
        classifier.size = classifier.resize = size
    pixels = read_pixels(classifier, image, report)
    names = check_inversion(classifier, pixels, layers)
    recorder = Recorder(steps * len(names), recording, [image])
    with recorder:
        results = invert_layers(
            classifier,
            pixels,
            names,
            steps=steps,
            total_variation_weight=total_variation,
            norm_weight=norm,
            seed=seed,
            on_step=recorder.step,
        )
    files.write(
        draw_inversions(pixels, names, results),
        image=np.stack([result.picture[0].cpu().numpy() for result in results]),
        original=pixels[0].cpu().numpy(),
        errors=np.array([result.error for result in results]),
        psnr=np.array([result.psnr for result in results]),
        layers=np.array(names[: len(results)]),
    )
    options.finish(recorder, results[-1].interrupted)
