"""The commands on where a network looks: saliency, sanity, segment."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from interp.commands import options
from interp.saliency.names import METHODS, Method
from styletransfer.commands.extras import extra

if TYPE_CHECKING:
    from torch import Tensor

    from interp.network.classifier import Classifier


@click.command()
@options.images
@options.model
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="gradient",
    show_default=True,
    help="How the map is found. Example: --method occlusion",
)
@options.class_name
@options.layer
@click.option(
    "--channel",
    type=int,
    help="Explain this channel of --layer, instead of a class. Example: --layer fc --channel 3",
)
@click.option(
    "--place",
    help="Explain one neuron of the channel, at ROW,COLUMN. Example: --place 6,7",
)
@click.option(
    "--window", type=int, help="Side of what occlusion covers, 32 by default. Example: --window 48"
)
@click.option("--stride", type=int, help="Steps of the window, 16 by default. Example: --stride 8")
@click.option(
    "--baseline",
    type=click.Choice(["gray", "blur", "zero"]),
    help="What covers, gray by default. Example: --baseline blur",
)
@click.option(
    "--probability",
    is_flag=True,
    help="Occlusion maps the fall of the probability, not of the score. "
    "Example: --method occlusion --probability",
)
@options.seed
@options.outputs
def saliency(
    images: tuple[Path, ...],
    model: str,
    weights: str,
    method: Method,
    class_name: str | None,
    layer: str | None,
    channel: int | None,
    place: str | None,
    window: int | None,
    stride: int | None,
    baseline: str | None,
    probability: bool,
    seed: int,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Map what in the images matters to a class, or to a neuron or channel of a layer.

    --layer is the layer of grad-cam, or with --channel the layer that is explained. --data holds
    `map` N×H×W, the `classes` (-1 for a channel), and the files' names (`paths`).

    Example: interp saliency photo.jpg --method grad-cam --class "tiger cat" -o map.png
    """
    of_occlusion = {"window": window, "stride": stride, "baseline": baseline}
    given = [f"--{name}" for name, value in of_occlusion.items() if value is not None]
    given += ["--probability"] if probability else []
    if given and method != "occlusion":
        raise click.UsageError(f"{given[0]} goes with --method occlusion")
    if channel is not None and (layer is None or method == "grad-cam" or class_name or probability):
        raise click.UsageError(
            "--channel needs a --layer, and goes neither with --class or --probability nor with "
            "grad-cam"
        )
    if channel is None and (place is not None or (layer is not None and method != "grad-cam")):
        raise click.UsageError("give a --channel of the --layer; only grad-cam takes a layer alone")
    neuron = options.parsed_place(place)
    with options.refusals():
        from interp.commands.files import Outputs, gather
        from interp.figures import table
        from interp.network.classifier import load_classifier
        from interp.network.photographs import read_batches, shown
        from interp.saliency.drawing import saliency_row
        from interp.saliency.methods import Settings, as_map, attribution
        from interp.saliency.occlusion import windows
        from interp.saliency.targets import class_probability, class_score, layer_value

        paths = [source.path for source in gather(images)]
        files = Outputs(output, data, quiet)
        files.check(paths, overwrite=overwrite)
        chosen = {name: value for name, value in of_occlusion.items() if value is not None}
        settings = Settings(layer if channel is None else None, seed=seed, **chosen)  # type: ignore[arg-type]
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        side = classifier.size
        wanted = None if class_name is None else classifier.find_class(class_name)
        occluded = method == "occlusion"
        steps = len(windows(side, side, settings.window, settings.stride)) if occluded else 1
        maps, classes, known, rows = [], [], [], []
        with options.progress(
            steps * len(paths), "window" if occluded else "image", quiet=quiet
        ) as bar:
            for (index,), pixels in read_batches(classifier, paths, options.report, batch=1):
                if channel is None:
                    seen, caption = _seen(classifier, pixels, wanted)
                    target = (class_probability if probability else class_score)(seen)
                else:
                    assert layer is not None
                    seen, caption = -1, f"{layer}, channel {channel}"
                    target = layer_value(layer, channel, neuron)
                values = attribution(method, classifier, pixels, target, settings, bar.update)
                if not occluded:
                    bar.update()
                gradient = values[0].cpu().numpy() if method == "guided" else None
                maps.append(as_map(method, values)[0].cpu().numpy())
                classes.append(seen)
                known.append(str(paths[index]))
                rows.append(saliency_row(method, shown(pixels), caption, maps[-1], gradient))
        files.write(
            table(rows), map=np.stack(maps), classes=np.array(classes), paths=np.array(known)
        )
    options.end(len(known) == len(paths))


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@options.model
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(METHODS),
    default=("gradient", "guided"),
    show_default=True,
    help="What to test; may be repeated. Example: --method grad-cam --method guided",
)
@options.class_name
@options.seed
@options.outputs
def sanity(
    image: Path,
    model: str,
    weights: str,
    methods: tuple[Method, ...],
    class_name: str | None,
    seed: int,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Randomize the layers from the last to the first, and see whether the maps of IMAGE change.

    A map that explains the network must change; below each is the rank correlation of its absolute
    values with those of the first. --data holds `correlations` M×L, `map` M×(L+1)×H×W, the
    `layers`, and the `methods`.

    Example: interp sanity photo.jpg --method gradient --method guided -o sanity.png
    """
    with options.refusals():
        from torch import Tensor, nn

        from interp.commands.files import Outputs
        from interp.network.classifier import load_classifier
        from interp.network.photographs import read_pixels, shown
        from interp.saliency.drawing import draw_sanity
        from interp.saliency.methods import Settings, saliency_map
        from interp.saliency.sanity import cascading_randomization, layers_from_the_top
        from interp.saliency.targets import Target, class_score

        files = Outputs(output, data, quiet)
        files.check([image], overwrite=overwrite)
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        wanted = None if class_name is None else classifier.find_class(class_name)
        pixels = read_pixels(classifier, image, options.report)
        target = class_score(_seen(classifier, pixels, wanted)[0])
        maps = len(methods) * (1 + len(layers_from_the_top(classifier, pixels)))
        tests = []
        with options.progress(maps, "map", quiet=quiet) as bar:
            for method in methods:

                def explain(
                    network: nn.Module, x: Tensor, of: Target, method: Method = method
                ) -> Tensor:
                    return saliency_map(method, network, x, of, Settings(seed=seed))

                test = cascading_randomization(
                    classifier, pixels, target, explain, seed=seed, done=bar.update
                )
                tests.append((method, test))
        files.write(
            draw_sanity(shown(pixels), tests),
            correlations=np.stack([test.correlations for _, test in tests]),
            map=np.stack([test.maps for _, test in tests]),
            layers=np.array(tests[0][1].layers),
            methods=np.array(methods),
        )


@click.command()
@options.images
@options.model
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="guided",
    show_default=True,
    help="Of the map that gives the seeds. Example: --method smoothgrad",
)
@options.class_name
@options.seed
@options.outputs
def segment(
    images: tuple[Path, ...],
    model: str,
    weights: str,
    method: Method,
    class_name: str | None,
    seed: int,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Cut the object of a class out: saliency tells where it is, GrabCut how far it reaches.

    --data holds `mask` N×H×W, `map` N×H×W, the `classes`, and the files' names (`paths`).

    Example: interp segment photo.jpg --class mushroom -o object.png
    """
    with options.refusals():
        from interp.commands.files import Outputs, gather
        from interp.figures import table
        from interp.network.classifier import load_classifier
        from interp.network.photographs import read_batches, shown
        from interp.saliency.methods import Settings, saliency_map
        from interp.saliency.targets import class_score

        with extra("segment"):
            import cv2  # noqa: F401 (so that its lack is told before any work)
        from interp.saliency.drawing import segmentation_row
        from interp.saliency.segmentation import seeds
        from interp.saliency.segmentation import segment as cut

        paths = [source.path for source in gather(images)]
        files = Outputs(output, data, quiet)
        files.check(paths, overwrite=overwrite)
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        wanted = None if class_name is None else classifier.find_class(class_name)
        maps, masks, classes, known, rows = [], [], [], [], []
        with options.progress(len(paths), "image", quiet=quiet) as bar:
            for (index,), pixels in read_batches(classifier, paths, options.report, batch=1):
                seen, caption = _seen(classifier, pixels, wanted)
                found = saliency_map(
                    method, classifier, pixels, class_score(seen), Settings(seed=seed)
                )
                photograph = shown(pixels)
                maps.append(found[0].cpu().numpy())
                masks.append(cut(photograph, maps[-1]))
                classes.append(seen)
                known.append(str(paths[index]))
                rows.append(segmentation_row(photograph, caption, *seeds(maps[-1]), masks[-1]))
                bar.update()
        files.write(
            table(rows),
            mask=np.stack(masks),
            map=np.stack(maps),
            classes=np.array(classes),
            paths=np.array(known),
        )
    options.end(len(known) == len(paths))


def _seen(classifier: "Classifier", pixels: "Tensor", wanted: int | None) -> tuple[int, str]:
    """The class to explain, by default the one that the model sees, and a caption that names it."""
    import torch

    with torch.inference_mode():
        probabilities = classifier(pixels).softmax(-1)[0]
    index = int(probabilities.argmax()) if wanted is None else wanted
    name = classifier.names[index] if index < len(classifier.names) else f"class {index}"
    share = float(probabilities[index]) if index < len(probabilities) else 0.0
    return index, f"{name} {share:.1%}"


COMMANDS = (saliency, sanity, segment)
