"""The commands that make images of what a class or a neuron responds to: class-image, facets."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
import numpy as np

from interp.commands import options
from interp.synthesis.recipes import PRESETS, Recipe

Command = TypeVar("Command", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)


def _recipe(preset: str) -> Callable[[Command], Command]:
    """Add `--preset`, and an option for every setting of a `Recipe`, None where not given."""

    def decorate(command: Command) -> Command:
        for setting in reversed(fields(Recipe)):
            name = f"--{setting.name.replace('_', '-')}"
            choices = get_args(setting.type)
            command = click.option(
                name,
                type=click.Choice(choices) if choices else setting.type,
                help=f"{setting.metadata['help']} Example: {name} {setting.metadata['example']}",
            )(command)
        return click.option(
            "--preset",
            type=click.Choice(list(PRESETS)),
            default=preset,
            show_default=True,
            help="Settings that go together; those below change them. Example: --preset nguyen",
        )(command)

    return decorate


def _chosen(preset: str, settings: dict[str, Any]) -> Recipe:
    recipe = replace(PRESETS[preset], **{k: v for k, v in settings.items() if v is not None})
    if recipe.steps < 1 or recipe.blur_every < 1:
        raise click.UsageError("--steps and --blur-every are at least 1")
    for setting in fields(Recipe):
        value = getattr(recipe, setting.name)
        name = f"--{setting.name.replace('_', '-')}"
        if not isinstance(value, str) and not 0 <= value < float("inf"):
            raise click.UsageError(f"{name} {value} is below zero or no number")
        if setting.name.endswith("percentile") and value > 100:
            raise click.UsageError(f"{name} {value} is more than 100 per cent")
    if recipe.scale >= 1:
        raise click.UsageError(f"--scale {recipe.scale} would leave nothing; give less than 1")
    return recipe


@click.command("class-image")
@click.option(
    "--class",
    "class_name",
    help='A class by its index, its name or a part of it. Example: --class "tiger cat"',
)
@options.layer
@click.option("--channel", type=int, help="Of --layer. Example: --layer features.9 --channel 12")
@click.option("--place", help="One neuron of the channel, at ROW,COLUMN. Example: --place 6,7")
@options.model
@_recipe("lucid")
@options.seed
@options.recording
def class_image_command(
    class_name: str | None,
    layer: str | None,
    channel: int | None,
    place: str | None,
    model: str,
    weights: str,
    preset: str,
    seed: int,
    recording: options.Recording,
    **settings: Any,
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
    neuron = options.parsed_place(place)
    recipe = _chosen(preset, settings)
    with options.refusals():
        from interp.network.classifier import load_classifier
        from interp.network.photographs import shown
        from interp.recording import Recorder, checked_outputs
        from interp.saliency.targets import class_score, layer_value
        from interp.synthesis.class_images import class_image

        files = checked_outputs(recording, [])
        recorder = Recorder(recipe.steps, recording)
        progress = options.on_terminal(recording.quiet)
        classifier = load_classifier(model, weights, partial=class_name is None, progress=progress)
        if class_name is not None:
            target = class_score(classifier.find_class(class_name))
        else:
            assert layer is not None and channel is not None
            target = layer_value(layer, channel, neuron)
        with recorder:
            outcome = class_image(classifier, target, recipe, seed=seed, on_step=recorder.step)
        files.write(
            shown(outcome.picture),
            image=outcome.picture[0].cpu().numpy(),
            losses=np.array(outcome.losses),
        )
        recorder.finish(interrupted=outcome.interrupted)


@click.command("facets")
@click.argument("folder", type=_PATH)
@click.option(
    "--class",
    "class_name",
    required=True,
    help='The class of the images in FOLDER. Example: --class "bell pepper"',
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="How many facets. Example: --count 10",
)
@click.option(
    "--layer",
    help="Whose features are clustered; by default the last hidden layer. Example: --layer "
    "features.12",
)
@options.model
@_recipe("nguyen")
@options.seed
@options.recording
def facets_command(
    folder: Path,
    class_name: str,
    count: int,
    layer: str | None,
    model: str,
    weights: str,
    preset: str,
    seed: int,
    recording: options.Recording,
    **settings: Any,
) -> None:
    """Make an image for each look of a class: the images in FOLDER are clustered by features.

    The mean of the images in the middle of a cluster starts its image; both are drawn, the start
    above. Ctrl-C writes what there is. --data holds `image` and `start`, K×3×H×W in 0..1, and
    `losses`, before each step.

    Example: interp facets peppers/ --class "bell pepper" -o facets.jpg
    """
    recipe = _chosen(preset, settings)
    with options.refusals():
        import torch

        from interp.commands.files import gather
        from interp.features.extraction import extract
        from interp.figures import table
        from interp.network.classifier import load_classifier
        from interp.network.photographs import shown
        from interp.recording import Recorder, checked_outputs
        from interp.saliency.targets import class_score
        from interp.synthesis.class_images import class_image
        from interp.synthesis.facets import facets, mean_image

        paths = [source.path for source in gather([folder])]
        files = checked_outputs(recording, paths)
        recorder = Recorder(recipe.steps, recording, paths)
        classifier = load_classifier(model, weights, progress=options.on_terminal(recording.quiet))
        target = class_score(classifier.find_class(class_name))
        with options.progress(len(paths), "image", quiet=recording.quiet) as bar:
            features = extract(
                classifier, paths, layer, report=options.report, done=lambda n: bar.update(n)
            )
        found = facets(features.values, count, seed=seed)
        members = [[features.paths[index] for index in indices] for indices in found]
        starts = torch.cat([mean_image(classifier, some) for some in members])
        with recorder:
            outcome = class_image(
                classifier, target, recipe, start=starts, seed=seed, on_step=recorder.step
            )
        captions = [f"the mean of {len(indices)} images" for indices in found]
        means = [shown(start) for start in starts]
        made = [shown(picture) for picture in outcome.picture]
        files.write(
            table([list(zip(means, captions, strict=True)), [(picture, "") for picture in made]]),
            image=outcome.picture.cpu().numpy(),
            start=starts.cpu().numpy(),
            losses=np.array(outcome.losses),
        )
        recorder.finish(interrupted=outcome.interrupted)
    options.end(len(features.paths) == len(paths))


COMMANDS = (class_image_command, facets_command)
