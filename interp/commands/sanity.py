"""`interp sanity`: does a saliency map depend on what the network learned?"""

from pathlib import Path

import click

from interp.commands import options
from interp.files import Outputs
from interp.progress import progress, report
from interp.saliency import METHODS, Method


@click.command()
@options.image
@options.model
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(METHODS),
    default=("gradient", "guided"),
    show_default=True,
    help="Method to test; may be repeated. Example: --method grad-cam --method guided",
)
@options.class_name
@options.seed
@options.outputs
def sanity(
    image: Path,
    model: options.ModelChoice,
    methods: tuple[Method, ...],
    class_name: str | None,
    seed: int,
    files: Outputs,
) -> None:
    """Randomize the layers from the last to the first, and see whether the maps of IMAGE change.

    A map that explains the network must change. Below each map is the rank correlation of its
    absolute values with those of the first. --data holds `correlations` M×L, `map` M×(L+1)×H×W,
    the `layers`, and the `methods`.

    Example: interp sanity photo.jpg --method gradient --method guided -o sanity.png
    """
    import numpy as np

    from interp.network.photographs import read_pixels, shown
    from interp.saliency.drawing import draw_sanity
    from interp.saliency.sanity import layers_from_the_top, sanity_check

    files.check([image])
    classifier = model.load(quiet=files.quiet)
    wanted = None if class_name is None else classifier.find_class(class_name)
    pixels = read_pixels(classifier, image, report)
    index, caption = classifier.seen(pixels, wanted)
    title = f"Randomized layer by layer from the last: {classifier.name}, {caption}"
    maps = len(methods) * (1 + len(layers_from_the_top(classifier, pixels)))
    with progress(maps, "map", quiet=files.quiet) as bar:
        tests = [
            sanity_check(classifier, pixels, index, method, seed=seed, done=bar.update)
            for method in methods
        ]
    files.write(
        draw_sanity(shown(pixels), list(zip(methods, tests, strict=True)), title),
        correlations=np.stack([test.correlations for test in tests]),
        map=np.stack([test.maps for test in tests]),
        layers=np.array(tests[0].layers),
        methods=np.array(methods),
    )
