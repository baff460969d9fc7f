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
    from interp.features.filters import draw_filters, read_filters

    files.check([])
    read = read_filters(model.load(quiet=files.quiet), layer)
    files.write(draw_filters(read), weights=read.numpy())
