"""`python export.py CKPT OUT.onnx`."""

import json
import sys
from pathlib import Path

import click
import onnx
from tqdm import tqdm

from styletransfer.atomic import written_whole
from styletransfer.checkpoint import CheckpointError, load_checkpoint
from styletransfer.export.deviation import SIDE, choose_pictures, deviation, photograph_feeds
from styletransfer.export.graph import build_graph
from styletransfer.export.parity import ParityError, check_parity, seeded_feeds
from styletransfer.export.precision import PrecisionError, rounded, to_half
from styletransfer.images import ImageError


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="fp16 is half the file, and made for GPUs; a CPU is slower with it. "
    "Example: --precision fp16",
)
@click.option(
    "--photographs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of photographs on which to measure how far fp16 is from fp32; by default "
    "smooth noise. Example: --precision fp16 --photographs photos/",
)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT where it exists.")
def main(
    checkpoint: Path, output: Path, precision: str, photographs: Path | None, overwrite: bool
) -> None:
    """Export the network in CHECKPOINT, which train.py wrote, to the ONNX file OUTPUT.

    The file is written only after ONNX Runtime has been found to compute what the network does.
    Inputs and output of both precisions are float32.

    Example: python export.py checkpoints/gallery.ckpt gallery.onnx
    """
    if output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists; give another name, or --overwrite")
    if not output.parent.is_dir():
        raise click.UsageError(f"{output.parent}: no such folder; make it first")
    if photographs and precision == "fp32":
        raise click.UsageError("--photographs is for --precision fp16, which is compared on them")
    try:
        trained = load_checkpoint(checkpoint)
        pictures = choose_pictures(photographs, len(trained.styles)) if photographs else []
        graph = build_graph(trained)
        if precision == "fp16":
            graph = _in_half(graph, len(trained.styles), pictures)
        for d in check_parity(trained, graph, precision):
            click.echo(f"{d.batch}×3×{d.height}×{d.width}: differs by at most {d.greatest:.1e}")
        content = graph.SerializeToString()
        with written_whole(output) as file:
            file.write(content)
    except (CheckpointError, ImageError, ParityError, PrecisionError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {output}: {len(trained.styles)} styles, {len(content) / 1e6:.2f} MB")


def _in_half(
    graph: onnx.ModelProto, styles: int, pictures: list[tuple[Path, int]]
) -> onnx.ModelProto:
    """Convert `graph`; measure, print and write into its metadata how far it is from fp32."""
    half = to_half(graph)
    feeds = photograph_feeds(pictures, styles) if pictures else iter(seeded_feeds(styles))
    over = "smooth noise in random blends"
    if pictures:
        photographs = len({path for path, _ in pictures})
        over = f"{len(pictures)} pictures: {photographs} photographs of short side {SIDE}"
    hidden = not sys.stderr.isatty()
    with tqdm(feeds, total=len(pictures) or None, unit="picture", delay=2, disable=hidden) as bar:
        found = deviation(graph, rounded(half), bar)
    click.echo(
        f"fp16 against fp32: greatest difference {found.greatest:.1e}, mean {found.mean:.1e} "
        f"(over {over})"
    )
    difference = {"max": found.greatest, "mean": found.mean, "over": over}
    for key, value in {"precision": "fp16", "difference_to_fp32": json.dumps(difference)}.items():
        half.metadata_props.add(key=f"styletransfer.{key}", value=value)
    return half
