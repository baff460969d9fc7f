"""Files that a command is about to write: nothing of the user's is lost."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from styletransfer.atomic import written_whole
from styletransfer.errors import OutputError


def check_output(output: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse an output before any work is done.

    Raises:
        OutputError: `output` is one of `inputs`, exists (without `overwrite`), or lies in a folder
            that does not exist.
    """
    if output.exists():
        if any(path.exists() and output.samefile(path) for path in inputs):
            raise OutputError(f"{output} is the input, and would be overwritten; give another")
        if not overwrite:
            raise OutputError(f"{output} exists already; --overwrite replaces it")
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent}: no such folder; make it first")


def write_checkpoint(checkpoint: dict[str, Any], output: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    import torch

    content = io.BytesIO()  # torch has errors of its own for a file that takes no more
    torch.save(checkpoint, content)
    with written_whole(output) as file:
        file.write(content.getbuffer())
