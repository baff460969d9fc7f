"""What every command line here has in common: one line for an error, and the exit status."""

import sys
from typing import Any

import click

from styletransfer.errors import StyleTransferError


class OneLineErrors(click.Group):
    """A group that tells every error in one line on stderr, without a usage text around it."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **kwargs))
        except click.ClickException as error:
            _end(error.format_message(), error.exit_code)
        except StyleTransferError as error:
            _end(str(error), error.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Interrupted("interrupted; the pictures written so far are whole") from None


def _end(message: str, status: int) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(status)


class _Interrupted(click.ClickException):
    exit_code = 130
