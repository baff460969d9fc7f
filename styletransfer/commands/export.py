"""`styletransfer export`."""

import re
from pathlib import Path
from typing import Any

import click

from styletransfer.commands import options
from styletransfer.commands.command_line import Command
from styletransfer.commands.extras import extra
from styletransfer.commands.written import check_output
from styletransfer.export import TRITON_MODEL


class SizeOf(click.ParamType[tuple[int, int]]):
    """A width and height such as `1280x720`, as height and width."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        size = re.fullmatch(r"([1-9][0-9]{0,5})[x×]([1-9][0-9]{0,5})", str(value))
        if size is None:
            self.fail(f"{value!r} is no width and height in pixels; write 1280x720", param, ctx)
        return int(size[2]), int(size[1])


@click.command(cls=Command, interrupted="nothing was written")
@options.checkpoint
@click.argument("output", metavar="[OUTPUT]", required=False, type=options.TARGET_FILE)
@click.option(
    "--triton",
    metavar="DIR",
    type=options.TARGET,
    help="In place of OUTPUT: a model repository of NVIDIA's Triton Inference Server, in which the "
    "model is called styletransfer. Example: --triton models",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8"]),
    default="fp32",
    show_default=True,
    help="Precision of the convolutions. An fp16 file has half the size and is for GPUs; on a CPU "
    "it is slower. An int8 file is faster on CPUs, and less exact; it needs --photographs. "
    "Example: --precision fp16",
)
@options.photographs(
    "Folder of photographs on which to compare fp16 or int8 with fp32; the default is smooth "
    "noise. For int8, a half of them gives the ranges of the integers.",
    required=False,
)
@click.option(
    "--size",
    metavar="WxH",
    type=SizeOf(),
    help="The only width and height in pixels that the file accepts, for runtimes that need fixed "
    "shapes; the default is any. Example: --size 1280x720",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help="With --size: number of images that the file accepts at once; the default is 1. Example: "
    "--batch 4",
)
@click.option(
    "--opset",
    type=click.IntRange(15, 20),
    default=20,
    show_default=True,
    help="Version of the ONNX operators, for older runtimes. Example: --opset 17",
)
@options.overwrite
@options.quiet
def export(
    checkpoint: Path,
    output: Path | None,
    triton: Path | None,
    precision: str,
    photographs: Path | None,
    size: tuple[int, int] | None,
    batch: int | None,
    opset: int,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Write the network in CKPT to the ONNX file OUTPUT.

    The file is written only if ONNX Runtime gives the same pictures as the network. Inputs and
    output are float32 in every precision.

    Example: styletransfer export checkpoints/gallery.ckpt gallery.onnx

    Example: styletransfer export checkpoints/gallery.ckpt --triton models
    """
    if (output is None) == (triton is None):
        raise click.UsageError("give either OUTPUT or --triton DIR")
    target = output or triton / TRITON_MODEL  # type: ignore[operator]
    check_output(target, overwrite=overwrite, inputs=[checkpoint])
    if photographs and precision == "fp32":
        raise click.UsageError("--photographs needs --precision fp16 or int8")
    if precision == "int8" and not photographs:
        raise click.UsageError("--precision int8 needs --photographs, a folder of a hundred or so")
    if precision == "int8" and size:
        raise click.UsageError("--precision int8 takes no --size; leave it out")
    if batch and not size:
        raise click.UsageError("--batch needs --size, such as --size 1280x720")
    with extra("train"):
        from styletransfer.export.export import export_checkpoint
    from styletransfer.atomic import written_whole
    from styletransfer.export.triton import model_repository, write_repository

    done = export_checkpoint(
        checkpoint,
        precision=precision,
        photographs=photographs,
        size=(batch or 1, *size) if size else None,
        opset=opset,
        quiet=quiet,
    )
    if triton:
        write_repository(model_repository(done.content), triton)
    else:
        with written_whole(target) as file:
            file.write(done.content)
    if not quiet:
        for line in done.lines():
            click.echo(line)
        click.echo(f"wrote {target}: {len(done.styles)} styles, {len(done.content) / 1e6:.2f} MB")
