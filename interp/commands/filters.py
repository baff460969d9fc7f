"""`interp filters`: the filters of a first layer."""

import click

from interp.commands import options
from interp.files import Outputs


@click.command()
@options.model
@options.layer
@options.outputs
def filters(model: options.ModelChoice, layer: str | None, files: Outputs) -> None:
    """Draw the filters of a convolution that takes the pixels, by default the first.

    --data holds `weights`, C×3×h×w.

    Example: interp filters --model alexnet -o filters.png
    """
    from interp.features.filters import draw_filters, first_convolution, read_filters

    files.check([])
    classifier = model.load(quiet=files.quiet)
    layer = layer or first_convolution(classifier)
    read = read_filters(classifier, layer)
    count, _, height, width = read.shape
    title = f"{count} filters of {height}×{width}: {classifier.name}, {layer}"
    files.write(draw_filters(read, title), weights=read.numpy())
