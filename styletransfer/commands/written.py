"""Check and write the output file of a command."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from styletransfer.atomic import written_whole
from styletransfer.errors import OutputError


def check_output(output: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse an output file that must not or cannot be written, before any work is done.

    Args:
        output: The file to write.
        overwrite: Whether an existing file may be replaced.
        inputs: Files that are read. They are never replaced.

    Raises:
        OutputError: `output` is one of `inputs`, exists, or its folder does not exist.
    """
    if output.exists():
        if any(path.exists() and output.samefile(path) for path in inputs):
            raise OutputError(f"{output} is the input, and would be overwritten; give another")
        if not overwrite:
            raise OutputError(f"{output} exists already; --overwrite replaces it")
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder; make it first")


def write_checkpoint(checkpoint: dict[str, Any], output: Path) -> None:
    """Write a checkpoint file, complete or not at all."""
    import torch

    content = io.BytesIO()  # torch.save raises its own errors when the disk is full
    torch.save(checkpoint, content)
    with written_whole(output) as file:
        file.write(content.getbuffer())
