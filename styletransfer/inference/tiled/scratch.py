"""Temporary files without a name, which disappear however the work ends."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from styletransfer.errors import ScratchError
from styletransfer.inference.limits import size_text


def check_room(size: int) -> str:
    """Check the free space in the folder for temporary files ($TMPDIR), before any work is done.

    Args:
        size: Number of bytes that the work needs.

    Returns:
        A line that says how much is needed and free.

    Raises:
        ScratchError: There is too little space.
    """
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < size:
        raise _no_room(folder, size, os.strerror(errno.ENOSPC))
    return f"takes {size_text(size)} of {size_text(free)} on disk in {folder} for a while"


@contextmanager
def scratch_file(size: int) -> Iterator[IO[bytes]]:
    """Open an unbuffered file in the folder for temporary files ($TMPDIR).

    Its space is reserved, so that a full disk is an error now and not during the work.

    Args:
        size: Size of the file in bytes.

    Raises:
        ScratchError: There is too little space.
    """
    check_room(size)
    folder = tempfile.gettempdir()
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        try:
            if hasattr(os, "posix_fallocate") and size:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise _no_room(folder, size, error.strerror or str(error)) from None
        yield file


def _no_room(folder: str, size: int, reason: str) -> ScratchError:
    free = shutil.disk_usage(folder).free
    return ScratchError(
        f"{folder}: no room for a scratch file of {size_text(size)} ({reason}), "
        f"{size_text(free)} are free; set TMPDIR to a folder with more"
    )
