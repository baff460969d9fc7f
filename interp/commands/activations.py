"""`interp activations`: the maps of a layer's channels for one image."""

from pathlib import Path

import click

from interp.commands import options
from interp.files import Outputs
from interp.progress import report


@click.command()
@options.image
@options.model
@options.layer
@options.whole_number(
    "--count",
    "Number of channels to draw, the strongest first. Example: --count 15",
    default=47,
)
@options.outputs
def activations(
    image: Path, model: options.ModelChoice, layer: str | None, count: int, files: Outputs
) -> None:
    """Draw the maps of a layer's channels for IMAGE, the strongest channels first.

    The layer is by default the first convolution. --data holds `activations` C×H×W, and
    `channels` in the order of their strength.

    Example: interp activations photo.jpg --layer features.3 -o maps.png
    """
    import numpy as np

    from interp.features.filters import first_convolution
    from interp.features.maps import activation_maps, draw_activation_maps, strongest_channels
    from interp.network.photographs import read_pixels, shown

    files.check([image])
    classifier = model.load(quiet=files.quiet)
    pixels = read_pixels(classifier, image, report)
    layer = layer or first_convolution(classifier)
    maps = activation_maps(classifier, pixels, layer)
    order = strongest_channels(maps)
    shape = "×".join(map(str, maps.shape))
    title = f"Activations: {classifier.name}, {layer} ({shape}), the strongest channels first"
    figure = draw_activation_maps(shown(pixels), maps, order[:count], title)
    files.write(figure, activations=maps.cpu().numpy(), channels=np.array(order))
