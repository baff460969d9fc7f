"""The commands on what a network is and computes: layers, filters, activations, patches."""

from pathlib import Path

import click
import numpy as np

from interp.commands import options


@click.command()
@options.model
def layers(model: str, weights: str) -> None:
    """List the layers of a model with the shapes of their values and their receptive fields.

    Example: interp layers --model resnet18 --weights random
    """
    with options.refusals():
        from interp.network.classifier import load_classifier
        from interp.network.layers import list_layers

        classifier = load_classifier(model, weights, progress=options.on_terminal())
        rows = [
            (
                layer.name,
                layer.kind,
                "×".join(map(str, layer.shape)),
                "×".join(map(str, layer.receptive_field)),
            )
            for layer in list_layers(classifier)
        ]
    heading = ("layer", "kind", "shape", f"sees, of {classifier.size}×{classifier.size} pixels")
    widths = [max(len(row[column]) for row in (heading, *rows)) for column in range(4)]
    for row in (heading, *rows):
        click.echo(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )


@click.command()
@options.model
@options.layer
@options.outputs
def filters(
    model: str,
    weights: str,
    layer: str | None,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Draw the filters of a convolution that takes RGB, by default the first.

    --data holds `weights`, C×3×h×w.

    Example: interp filters --model alexnet -o filters.png
    """
    with options.refusals():
        from interp.commands.files import Outputs
        from interp.features.filters import draw_filters
        from interp.features.filters import filters as read_filters
        from interp.network.classifier import load_classifier

        files = Outputs(output, data, quiet)
        files.check([], overwrite=overwrite)
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        read = read_filters(classifier, layer)
        files.write(draw_filters(read), weights=read.numpy())


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@options.model
@options.layer
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=47,
    show_default=True,
    help="Channels to draw, the strongest first. Example: --count 15",
)
@options.outputs
def activations(
    image: Path,
    model: str,
    weights: str,
    layer: str | None,
    count: int,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Draw the maps of a layer's channels for IMAGE, the strongest channels first.

    The layer is by default the first convolution. --data holds `activations` C×H×W, and
    `channels` in the order of their strength.

    Example: interp activations photo.jpg --layer features.3 -o maps.png
    """
    with options.refusals():
        from interp.commands.files import Outputs
        from interp.features.activation_maps import (
            activation_maps,
            draw_activation_maps,
            strongest_channels,
        )
        from interp.features.filters import first_convolution
        from interp.network.classifier import load_classifier
        from interp.network.photographs import read_pixels, shown

        files = Outputs(output, data, quiet)
        files.check([image], overwrite=overwrite)
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        pixels = read_pixels(classifier, image, options.report)
        maps = activation_maps(classifier, pixels, layer or first_convolution(classifier))
        order = strongest_channels(maps)
        figure = draw_activation_maps(shown(pixels), maps, order[:count])
        files.write(figure, activations=maps.cpu().numpy(), channels=np.array(order))


@click.command()
@options.images
@options.model
@options.layer
@click.option(
    "--channels",
    default="0,1,2,3,4,5,6,7",
    show_default=True,
    help="Channels of the layer, with commas between. Example: --channels 17,42",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=9,
    show_default=True,
    help="Patches for each channel. Example: --count 5",
)
@options.outputs
def patches(
    images: tuple[Path, ...],
    model: str,
    weights: str,
    layer: str | None,
    channels: str,
    count: int,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Find the patches of the images at which channels of a layer are greatest, one an image.

    Each is cut to the receptive field. --data holds `values` K×k, `images` K×k (indices of
    `paths`), `boxes` K×k×4 (top, left, bottom, right in the resized and cropped image), and
    `channels`.

    Example: interp patches photos/ --layer features.7 --channels 0,3 -o patches.png
    """
    with options.refusals():
        from interp.commands.files import Outputs, gather
        from interp.features.patches import draw_patches, top_patches
        from interp.network.classifier import load_classifier

        if layer is None:
            raise click.UsageError("give a --layer; `interp layers` lists them")
        try:
            numbers = [int(number) for number in channels.split(",")]
        except ValueError:
            raise click.UsageError(
                f"{channels!r} are no channels; give numbers as in 17,42"
            ) from None
        paths = [source.path for source in gather(images)]
        files = Outputs(output, data, quiet)
        files.check(paths, overwrite=overwrite)
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        with options.progress(len(paths), "image", quiet=quiet) as bar:
            found = top_patches(
                classifier, paths, layer, numbers, count, report=options.report, done=bar.update
            )
        files.write(
            draw_patches(classifier, paths, found),
            values=found.values,
            images=found.images,
            boxes=found.boxes,
            channels=np.array(found.channels),
            paths=np.array([str(path) for path in paths]),
        )
    options.end(found.seen == len(paths))


COMMANDS = (layers, filters, activations, patches)
