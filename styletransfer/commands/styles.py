"""`styletransfer styles`."""

from pathlib import Path

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command


@click.command(cls=Command, interrupted="nothing was written")
@options.model
def styles(model: Path | None) -> None:
    """List the styles of a model, one a line.

    Example: styletransfer styles --model mine.onnx
    """
    from styletransfer.errors import one_line
    from styletransfer.inference import Stylizer

    click.echo("\n".join(map(one_line, Stylizer(model).styles)))
