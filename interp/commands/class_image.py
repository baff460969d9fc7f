"""`interp class-image`: the image that a class or a neuron responds to most."""

import click

from interp.commands import options
from interp.commands.recipe import chosen_recipe, recipe_options
from interp.recording import Recorder, Recording


@click.command()
@options.class_name
@options.layer
@options.channel
@options.place
@options.model
@recipe_options("maco")
@options.seed
@options.recording
def class_image(
    class_name: str | None,
    layer: str | None,
    channel: int | None,
    place: str | None,
    model: options.ModelChoice,
    preset: str,
    seed: int,
    recording: Recording,
    **settings: object,
) -> None:
    """Make the image that a class, a channel or a neuron responds to most.

    Ctrl-C writes what there is. --data holds `image`, 3×H×W in 0..1, and `losses`, before each
    step.

    Example: interp class-image --class flamingo -o flamingo.png
    """
    if (class_name is None) == (layer is None) or (layer is None) != (channel is None):
        raise click.UsageError("give a --class, or a --layer and its --channel")
    if place is not None and layer is None:
        raise click.UsageError("--place is of a --layer and its --channel")
    where = options.parsed_place(place)
    recipe = chosen_recipe(preset, settings)
    import numpy as np

    from interp.network.photographs import shown
    from interp.saliency.targets import class_score, layer_value
    from interp.synthesis import class_images

    files = recording.files
    files.check([], drawn=False)
    recorder = Recorder(recipe.steps, recording)
    classifier = model.load(quiet=files.quiet, partial=class_name is None)
    if layer is not None and channel is not None:
        target = layer_value(layer, channel, where)
    else:
        target = class_score(classifier.find_class(class_name or ""))
    with recorder:
        outcome = class_images.class_image(
            classifier, target, recipe, seed=seed, on_step=recorder.step
        )
    files.write(
        shown(outcome.picture),
        image=outcome.picture[0].cpu().numpy(),
        losses=np.array(outcome.losses),
    )
    options.finish(recorder, outcome.interrupted)
