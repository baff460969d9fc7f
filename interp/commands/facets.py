"""`interp facets`: an image for each look of a class."""

from pathlib import Path

import click

from interp.commands import options
from interp.commands.recipe import chosen_recipe, recipe_options
from interp.files import gather
from interp.progress import progress, report
from interp.recording import Recorder, Recording


@click.command()
@click.argument("folder", type=options.PATH)
@click.option(
    "--class",
    "class_name",
    required=True,
    help='Class of the images in FOLDER. Example: --class "bell pepper"',
)
@options.whole_number(
    "--count",
    "Number of facets. Example: --count 10",
    default=4,
)
@click.option(
    "--layer",
    help="Layer whose features are clustered; by default the last hidden layer. Example: --layer "
    "features.12",
)
@options.model
@recipe_options("maco")
@options.seed
@options.recording
def facets(
    folder: Path,
    class_name: str,
    count: int,
    layer: str | None,
    model: options.ModelChoice,
    preset: str,
    seed: int,
    recording: Recording,
    **settings: object,
) -> None:
    """Make an image for each look of a class: the images in FOLDER are clustered by features.

    The mean of the images in the middle of a cluster starts its image, which is asked for the class
    and for what tells the cluster from the others. Both are drawn, the start above. Ctrl-C writes
    what there is. --data holds `image` and `start`, K×3×H×W in 0..1, and `losses`, before each
    step.

    Example: interp facets peppers/ --class "bell pepper" -o facets.jpg
    """
    recipe = chosen_recipe(preset, settings)
    import numpy as np

    from interp.features.extraction import extract
    from interp.network.taps import last_hidden_layer
    from interp.saliency.targets import class_score
    from interp.synthesis.class_images import class_image
    from interp.synthesis.facets import (
        draw_facets,
        facet_directions,
        facet_score,
        find_facets,
        mean_images,
    )

    files = recording.files
    paths = [source.path for source in gather([folder])]
    files.check(paths)
    recorder = Recorder(recipe.steps, recording, paths)
    classifier = model.load(quiet=files.quiet)
    target = class_score(classifier.find_class(class_name))
    side = classifier.size
    layer = layer or last_hidden_layer(classifier, classifier.mean.new_zeros(1, 3, side, side))
    with progress(len(paths), "image", quiet=files.quiet) as bar:
        features = extract(classifier, paths, layer, report=report, done=bar.update)
    found = find_facets(features.values, count, seed=seed)
    starts = mean_images(classifier, features.paths, found)
    target = facet_score(target, layer, facet_directions(features.values, found))
    with recorder:
        outcome = class_image(
            classifier, target, recipe, start=starts, seed=seed, on_step=recorder.step
        )
    files.write(
        draw_facets(starts, outcome.picture, found),
        image=outcome.picture.cpu().numpy(),
        start=starts.cpu().numpy(),
        losses=np.array(outcome.losses),
    )
    options.finish(recorder, outcome.interrupted)
    options.end(len(features.paths) == len(paths))
