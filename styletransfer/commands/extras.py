"""Commands that need more than the base installation brings."""

from collections.abc import Iterator
from contextlib import contextmanager

from styletransfer.errors import MissingExtraError

DISTRIBUTION = "painterly"
"""The name to install by; the packages in it are called `styletransfer` and `interp`."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Wrap the imports of a command that needs the extra `name`.

    Raises:
        MissingExtraError: A module is not installed; the line says how to get it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("styletransfer", "interp"):
            raise
        raise MissingExtraError(
            f"this command needs {error.name}; pip install '{DISTRIBUTION}[{name}]' brings it"
        ) from error
