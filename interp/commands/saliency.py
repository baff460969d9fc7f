"""`interp saliency`: what in an image matters to a class or a neuron."""

from pathlib import Path

import click

from interp.commands import options
from interp.files import Outputs, gather
from interp.progress import progress, report
from interp.saliency import ALL_METHODS, Method

_OF_LAYERS = ("grad-cam", "guided-grad-cam")  # what --layer alone belongs to


@click.command()
@options.images
@options.model
@options.choice(
    "--method",
    ALL_METHODS,
    "Method by which the map is found. Example: --method occlusion",
    default="gradient",
)
@options.class_name
@options.layer
@options.channel
@options.place
@options.whole_number(
    "--window", "Side of the window of occlusion in pixels, 32 by default. Example: --window 48"
)
@options.whole_number(
    "--stride", "Step of the window of occlusion in pixels, 16 by default. Example: --stride 8"
)
@options.choice(
    "--baseline",
    ["gray", "blur", "zero"],
    "What the window of occlusion shows, gray by default. Example: --baseline blur",
)
@click.option(
    "--probability",
    is_flag=True,
    help="Map the fall of the probability, not of the score. "
    "Example: --method occlusion --probability",
)
@options.crop(default=True)
@options.seed
@options.outputs
def saliency(
    images: tuple[Path, ...],
    model: options.ModelChoice,
    method: Method,
    class_name: str | None,
    layer: str | None,
    channel: int | None,
    place: str | None,
    window: int | None,
    stride: int | None,
    baseline: str | None,
    probability: bool,
    crop: bool,
    seed: int,
    files: Outputs,
) -> None:
    """Map what in the images matters to a class, or to a neuron or channel of a layer.

    --layer is the layer of the grad-cam methods, or with --channel the layer that is explained.
    --data holds `map` N×H×W, the `classes` (-1 for a channel), and the files' names (`paths`).

    Example: interp saliency photo.jpg --method grad-cam --class "tiger cat" -o map.png
    """
    of_occlusion = {"window": window, "stride": stride, "baseline": baseline}
    chosen = {name: value for name, value in of_occlusion.items() if value is not None}
    given = [f"--{name}" for name in chosen] + (["--probability"] if probability else [])
    if given and method != "occlusion":
        raise click.UsageError(f"{given[0]} goes with --method occlusion")
    if channel is not None and (layer is None or method in _OF_LAYERS or class_name or probability):
        raise click.UsageError(
            "--channel needs a --layer, and goes neither with --class or --probability nor with "
            "grad-cam"
        )
    if channel is None and (place is not None or (layer is not None and method not in _OF_LAYERS)):
        raise click.UsageError("give a --channel of the --layer; only grad-cam takes a layer alone")
    where = options.parsed_place(place)
    import numpy as np

    from interp.saliency.covering import windows
    from interp.saliency.maps import Neuron, saliency_map
    from interp.saliency.methods import Settings

    paths = [source.path for source in gather(images)]
    files.check(paths)
    settings = Settings(layer if channel is None else None, seed=seed, **chosen)  # type: ignore[arg-type]
    classifier = model.load(quiet=files.quiet, crop=crop)
    neuron = None
    if channel is not None and layer is not None:
        neuron = Neuron(layer, channel, where)
    unit, steps = "image", 1
    if method == "occlusion":
        side = classifier.size
        unit, steps = "window", len(windows(side, side, settings.window, settings.stride))
    with progress(steps * len(paths) if crop else None, unit, quiet=files.quiet) as bar:
        found = saliency_map(
            classifier,
            paths,
            method,
            classes=class_name,
            probability=probability,
            neuron=neuron,
            settings=settings,
            report=report,
            done=bar.update,
        )
    files.write(
        found.figure(),
        **options.stacked("map", found.maps),
        classes=found.classes,
        paths=np.array(found.names),
    )
    options.end(len(found.names) == len(paths))
