"""Write files whole: a file has its name only when it is complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file, which is renamed to `path` when the block succeeds.

    If the block fails or is interrupted, the temporary file is deleted and `path` stays as it was.

    Args:
        path: The file to write. The temporary file is in the same folder.

    Yields:
        The temporary file, open for writing in binary.

    Raises:
        OSError: The folder cannot be written to.
    """
    # Not made from the name of `path`: a longer one could be too long for the file system.
    temporary = path.with_name(f".styletransfer-{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:  # the error of a full disk names no file
        error.filename = error.filename or str(path)
        raise
    finally:
        with suppress(OSError):  # after a success it is already renamed
            temporary.unlink()
