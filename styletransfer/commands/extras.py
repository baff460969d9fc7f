"""Commands that need more than the base installation brings."""

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Wrap the imports of a command that needs the extra `name`; a missing one is one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"this command needs {error.name}; pip install 'styletransfer[{name}]' brings it"
        ) from None
