"""`interp layers`: the layers of a model."""

import click

from interp.commands import options


@click.command()
@options.model
def layers(model: options.ModelChoice) -> None:
    """List the layers of a model with the shapes of their values and their receptive fields.

    Example: interp layers --model resnet18 --weights random
    """
    from interp.network.layers import list_layers

    classifier = model.load()
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
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())
