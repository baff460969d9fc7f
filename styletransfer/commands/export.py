"""`styletransfer export`."""

from pathlib import Path

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command
from styletransfer.commands.extras import extra
from styletransfer.commands.written import check_output


@click.command(cls=Command, interrupted="nothing was written")
@options.checkpoint
@click.argument("output", metavar="OUTPUT", type=options.TARGET_FILE)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Precision of the weights. An fp16 file has half the size and is for GPUs; on a CPU it is "
    "slower. Example: --precision fp16",
)
@options.photographs(
    "Folder of photographs on which to compare fp16 with fp32; the default is smooth noise.",
    required=False,
)
@options.overwrite
@options.quiet
def export(
    checkpoint: Path,
    output: Path,
    precision: str,
    photographs: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Write the network in CKPT to the ONNX file OUTPUT.

    The file is written only if ONNX Runtime gives the same pictures as the network. Inputs and
    output are float32 in both precisions.

    Example: styletransfer export checkpoints/gallery.ckpt gallery.onnx
    """
    check_output(output, overwrite=overwrite, inputs=[checkpoint])
    if photographs and precision == "fp32":
        raise click.UsageError("--photographs needs --precision fp16")
    with extra("train"):
        from styletransfer.export.export import export_checkpoint
    from styletransfer.atomic import written_whole

    done = export_checkpoint(checkpoint, precision=precision, photographs=photographs, quiet=quiet)
    with written_whole(output) as file:
        file.write(done.content)
    if not quiet:
        for line in done.lines():
            click.echo(line)
        click.echo(f"wrote {output}: {len(done.styles)} styles, {len(done.content) / 1e6:.2f} MB")
