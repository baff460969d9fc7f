"""Write a file so that no half of it is ever seen under its own name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the name `path` when the block has succeeded.

    After any failure, an interrupt included, it is removed and `path` is as it was.

    Args:
        path: The file to write. The temporary file lies in the same folder.

    Yields:
        The temporary file, open for writing in binary.

    Raises:
        OSError: The folder cannot be written to.
    """
    # A name of its own length: one made from the target's could be too long for the file system.
    temporary = path.with_name(f".styletransfer-{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:  # a full disk does not say which file it was
        error.filename = error.filename or str(path)
        raise
    finally:
        with suppress(OSError):  # also the usual case: it has its final name
            temporary.unlink()
