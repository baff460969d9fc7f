"""Scratch files: without a name, so that they are gone however the work ends."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


class ScratchError(Exception):
    """No room for a scratch file; the message is one line."""


@contextmanager
def scratch_file(size: int) -> Iterator[IO[bytes]]:
    """An unbuffered file of `size` bytes in the folder for temporary files ($TMPDIR).

    Its room is reserved, so that a full disk is told now and not in the middle of the work.
    Raises ScratchError where there is too little.
    """
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        try:
            if free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if hasattr(os, "posix_fallocate") and size:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise ScratchError(
                f"{folder}: no room for a scratch file of {size / 1e9:.1f} GB ({error.strerror}), "
                f"{free / 1e9:.1f} GB are free; set TMPDIR to a folder with more"
            ) from None
        yield file
