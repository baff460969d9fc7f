"""Imports of packages that are not part of the base installation."""

from collections.abc import Iterator
from contextlib import contextmanager

from styletransfer.errors import MissingExtraError

DISTRIBUTION = "painterly"
"""Name of the distribution for pip. Its packages are called `styletransfer` and `interp`."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Wrap imports that need the extra `name` of the distribution.

    Raises:
        MissingExtraError: A module is not installed. The message says how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("styletransfer", "interp"):
            raise
        raise MissingExtraError(
            f"this command needs {error.name}; pip install '{DISTRIBUTION}[{name}]' brings it"
        ) from error
