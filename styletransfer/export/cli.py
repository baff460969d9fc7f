"""`python export.py CKPT OUT.onnx`."""

from pathlib import Path

import click

from styletransfer.atomic import written_whole
from styletransfer.export.checkpoint import CheckpointError, load_checkpoint
from styletransfer.export.graph import build_graph
from styletransfer.export.parity import ParityError, check_parity


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT where it exists.")
def main(checkpoint: Path, output: Path, overwrite: bool) -> None:
    """Export the network in CHECKPOINT, which train.py wrote, to the ONNX file OUTPUT.

    The file is written only after ONNX Runtime has been found to compute what the network does.

    Example: python export.py checkpoints/gallery.ckpt gallery.onnx
    """
    if output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists; give another name, or --overwrite")
    if not output.parent.is_dir():
        raise click.UsageError(f"{output.parent}: no such folder; make it first")
    try:
        trained = load_checkpoint(checkpoint)
        graph = build_graph(trained)
        for d in check_parity(trained, graph):
            click.echo(f"{d.batch}×3×{d.height}×{d.width}: differs by at most {d.greatest:.1e}")
        content = graph.SerializeToString()
        with written_whole(output) as file:
            file.write(content)
    except (CheckpointError, ParityError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {output}: {len(trained.styles)} styles, {len(content) / 1e6:.2f} MB")
