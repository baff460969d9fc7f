"""The commands that change or rebuild a photograph by a network's features: dream, invert."""

from pathlib import Path

import click
import numpy as np

from interp.commands import options

_PATH = click.Path(path_type=Path)
_COLUMNS = 6


@click.command()
@click.argument("image", type=_PATH)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    required=True,
    help="What is made stronger; may be repeated. `interp layers` lists them. "
    "Example: --layer features.10",
)
@click.option(
    "--guide",
    type=_PATH,
    help="An image whose features the dream takes up, at one --layer. Example: --guide flower.jpg",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    help="Scale the image to this short side first. Example: --size 384",
)
@click.option(
    "--octaves",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Sizes, from small to the image's own. Example: --octaves 3",
)
@click.option(
    "--octave-scale",
    type=click.FloatRange(min=1, min_open=True, max=100),
    default=1.4,
    show_default=True,
    help="From one octave to the next. Example: --octave-scale 1.3",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="In each octave. Example: --steps 20",
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
    help="Shift by up to so many pixels in each step. Example: --jitter 16",
)
@click.option(
    "--zoom",
    type=click.IntRange(min=1),
    help="Go into the dream: so many frames, each the one before, enlarged and dreamed on. "
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
    model: str,
    weights: str,
    seed: int,
    recording: options.Recording,
) -> None:
    """DeepDream: make stronger what the layers see in IMAGE.

    Ctrl-C writes what there is. --data holds `image`, 3×H×W in 0..1, and `octaves`, the objective
    before and after each octave, F×O×2 for F frames (one without --zoom).

    Example: interp dream photo.jpg --layer features.10 -o dream.jpg
    """
    if guide is not None and len(layers) != 1:
        raise click.UsageError("--guide compares at one --layer; give one")
    if zoom is not None and not (recording.gif or recording.mp4 or recording.save_every):
        raise click.UsageError("--zoom makes frames; give --gif, --mp4 or --save-every for them")
    with options.refusals():
        import torch

        from interp.network.classifier import load_classifier
        from interp.network.memory import require_gradient_memory
        from interp.network.photographs import read_pixels, shown
        from interp.recording import Recorder, checked_outputs
        from interp.synthesis.dream import (
            Dream,
            DreamSettings,
            deep_dream,
            dream_zoom,
            likeness,
            strength,
        )
        from interp.synthesis.loop import Progress
        from styletransfer.images import read_image, to_tensor

        sources = [path for path in (image, guide) if path is not None]
        files = checked_outputs(recording, sources)
        recorder = Recorder(
            octaves * steps if zoom is None else zoom,
            recording,
            sources,
            unit="step" if zoom is None else "frame",
        )
        picture = read_image(image, size=size)
        for note in picture.notes:
            options.report(f"{image}: {note}")
        progress = options.on_terminal(recording.quiet)
        classifier = load_classifier(model, weights, partial=True, progress=progress)
        pixels = torch.from_numpy(to_tensor(picture.rgb))
        if guide is None:
            objective = strength(classifier, layers)
        else:
            seen = read_pixels(classifier, guide, options.report)
            objective = likeness(classifier, layers[0], seen)
        require_gradient_memory(objective, *pixels.shape[2:])
        settings = DreamSettings(octaves, octave_scale, steps, rate, jitter)

        def dreamed(start: torch.Tensor, frame: int) -> Dream:
            heard = recorder.step if zoom is None else None
            return deep_dream(
                classifier, start, objective, settings, seed=seed + frame, on_step=heard
            )

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
            image=last.picture[0].numpy(),
            octaves=np.array(whole or np.empty((0, octaves, 2))),
        )
        recorder.finish(interrupted=last.interrupted)


@click.command()
@click.argument("image", type=_PATH)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    help="Whose features are inverted; may be repeated. By default all that change what they "
    "get. Example: --layer features.3 --layer features.12",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    help="Side of the square that is used, by default the model's. Example: --size 96",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Of L-BFGS, for each layer. Example: --steps 100",
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
    model: str,
    weights: str,
    seed: int,
    recording: options.Recording,
) -> None:
    """Rebuild IMAGE from the features of each layer alone: what is lost is unknown to the layer.

    Below each stand the relative error of the features, ‖Φ − Φ₀‖/‖Φ₀‖, and the PSNR of the pixels.
    Ctrl-C writes what there is. --data holds `image`, L×3×H×W in 0..1, `original`, `errors`,
    `psnr` and `layers`.

    Example: interp invert photo.jpg --layer features.3 --layer features.12 -o inversion.jpg
    """
    with options.refusals():
        from interp.figures import table
        from interp.network.classifier import load_classifier
        from interp.network.memory import require_gradient_memory
        from interp.network.photographs import read_pixels, shown
        from interp.network.taps import activations
        from interp.recording import Recorder, checked_outputs
        from interp.synthesis.inversion import invert as inverted
        from interp.synthesis.inversion import psnr, readable_layers

        files = checked_outputs(recording, [image])
        progress = options.on_terminal(recording.quiet)
        classifier = load_classifier(model, weights, partial=True, progress=progress)
        if size is not None:
            classifier.size = classifier.resize = size
        pixels = read_pixels(classifier, image, options.report)
        names = layers or tuple(readable_layers(classifier, pixels))
        recorder = Recorder(steps * len(names), recording, [image])
        activations(classifier, pixels, names)  # so that an unknown one is told before any work
        require_gradient_memory(
            lambda x: activations(classifier, x, names, gradients=True), *pixels.shape[2:]
        )
        results = []
        with recorder:
            for name in names:
                result = inverted(
                    classifier,
                    pixels,
                    name,
                    steps=steps,
                    total_variation_weight=total_variation,
                    norm_weight=norm,
                    seed=seed,
                    on_step=recorder.step,
                )
                results.append(result)
                if result.interrupted:
                    break
        likenesses = [psnr(result.picture, pixels) for result in results]
        cells = [(shown(pixels), "the image")] + [
            (shown(result.picture), f"{name}\nerror {result.error:.3f}\n{likeness:.1f} dB")
            for name, result, likeness in zip(names, results, likenesses, strict=False)
        ]
        files.write(
            table([cells[i : i + _COLUMNS] for i in range(0, len(cells), _COLUMNS)]),
            image=np.stack([result.picture[0].cpu().numpy() for result in results]),
            original=pixels[0].cpu().numpy(),
            errors=np.array([result.error for result in results]),
            psnr=np.array(likenesses),
            layers=np.array(names[: len(results)]),
        )
        recorder.finish(interrupted=results[-1].interrupted)


COMMANDS = (dream, invert)
