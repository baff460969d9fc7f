"""`interp dream`: DeepDream."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from interp.commands import options
from interp.files import read_opaque
from interp.progress import report
from interp.recording import Recorder, Recording

if TYPE_CHECKING:
    from torch import Tensor


@click.command()
@options.image
@click.option(
    "--layer",
    "layers",
    multiple=True,
    help="Layer whose activations are strengthened; may be repeated. `interp layers` lists them. "
    "By default a late one that sees parts of objects. Example: --layer features.10",
)
@click.option(
    "--guide",
    type=options.PATH,
    help="Image whose features the dream takes up, at one --layer. Example: --guide flower.jpg",
)
@options.whole_number(
    "--size",
    "Short side to which the image is scaled first, in pixels. Example: --size 384",
)
@options.whole_number(
    "--octaves",
    "Number of sizes, from small to the image's own. Example: --octaves 3",
    default=4,
)
@click.option(
    "--octave-scale",
    type=click.FloatRange(min=1, min_open=True, max=100),
    default=1.4,
    show_default=True,
    help="Factor from one octave to the next. Example: --octave-scale 1.3",
)
@options.whole_number(
    "--steps",
    "Number of steps in each octave. Example: --steps 20",
    default=10,
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True, max=1),
    default=1.5 / 255,
    show_default="1.5/255",
    help="Mean change of a pixel in a step, of 0..1. Example: --rate 0.01",
)
@click.option(
    "--jitter",
    type=click.IntRange(min=0),
    default=32,
    show_default=True,
    help="Greatest random shift in each step, in pixels. Example: --jitter 16",
)
@options.whole_number(
    "--zoom",
    "Number of frames of a way into the dream: each is the one before, enlarged and "
    "dreamed on. "
    "Example: --zoom 100 --gif zoom.gif",
)
@options.model
@options.seed
@options.recording
def dream(
    image: Path,
    layers: tuple[str, ...],
    guide: Path | None,
    size: int | None,
    octaves: int,
    octave_scale: float,
    steps: int,
    rate: float,
    jitter: int,
    zoom: int | None,
    model: options.ModelChoice,
    seed: int,
    recording: Recording,
) -> None:
    """DeepDream: strengthen what the layers see in IMAGE.

    Ctrl-C writes what there is. --data holds `image`, 3×H×W in 0..1, and `octaves`, the objective
    before and after each octave, F×O×2 for F frames (one without --zoom).

    Example: interp dream photo.jpg -o dream.jpg
    """
    if guide is not None and len(layers) > 1:
        raise click.UsageError("--guide compares at one --layer; give one")
    if zoom is not None and not (recording.gif or recording.mp4 or recording.save_every):
        raise click.UsageError("--zoom makes frames; give --gif, --mp4 or --save-every for them")
    import numpy as np

    from interp.network.layers import default_layer
    from interp.network.memory import require_gradient_memory
    from interp.network.photographs import planes_of, read_pixels, shown
    from interp.synthesis.dream import (
        Dream,
        DreamSettings,
        deep_dream,
        dream_zoom,
        likeness,
        strength,
    )
    from interp.synthesis.loop import Progress

    files = recording.files
    sources = [path for path in (image, guide) if path is not None]
    files.check(sources, drawn=False)
    steps_told, unit = (octaves * steps, "step") if zoom is None else (zoom, "frame")
    recorder = Recorder(steps_told, recording, sources, unit)
    photograph = read_opaque(image, size, report)
    classifier = model.load(quiet=files.quiet, partial=True)
    pixels = planes_of(photograph).to(classifier.mean.device)
    layers = layers or (default_layer(classifier, pixels),)
    if guide is None:
        objective = strength(classifier, layers)
    else:
        objective = likeness(classifier, layers[0], read_pixels(classifier, guide, report))
    require_gradient_memory(objective, *pixels.shape[2:])
    settings = DreamSettings(octaves, octave_scale, steps, rate, jitter)

    def dreamed(start: "Tensor", frame: int) -> Dream:
        heard = recorder.step if zoom is None else None
        return deep_dream(classifier, start, objective, settings, seed=seed + frame, on_step=heard)

    results = []
    with recorder:
        for result in dream_zoom(dreamed, pixels, zoom or 1):
            results.append(result)
            if zoom is not None and not result.interrupted:
                recorder.step(Progress(len(results), zoom, {}, result.picture))
    last = results[-1]
    whole = [result.octaves for result in results if len(result.octaves) == octaves]
    files.write(
        shown(last.picture),
        image=last.picture[0].cpu().numpy(),
        octaves=np.array(whole or np.empty((0, octaves, 2))),
    )
    options.finish(recorder, last.interrupted)
