"""Turn errors into one line on stderr and an exit status, for every command."""

import errno
import sys
import traceback
from typing import Any

import click

from styletransfer.commands.process import INTERRUPTED, interrupted
from styletransfer.errors import StyleTransferError, one_line


class Command(click.Command):
    """A command that says after Ctrl-C what has been done.

    Args:
        interrupted: What the message says after "interrupted;".
    """

    def __init__(
        self, *args: Any, interrupted: str = "every file written so far is whole", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.interrupted = interrupted


class OneLineErrors(click.Group):
    """A group of commands that reports each error as one line on stderr.

    A wrong call, a StyleTransferError, an OSError and a MemoryError are errors. Any other exception
    is a bug and keeps its traceback. With `--traceback`, errors show theirs as well.
    """

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])
        self.params.append(_traceback_option())

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Register a command, with the option `--traceback`."""
        cmd.params.append(_traceback_option())
        super().add_command(cmd, name)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command line and exit with its status."""
        kwargs["standalone_mode"] = False
        words = args[0] if args else kwargs.get("args")
        show = "--traceback" in (sys.argv[1:] if words is None else words)
        try:
            sys.exit(super().main(*args, **kwargs))
        except click.ClickException as error:
            _end(error, error.format_message(), error.exit_code, show)
        except StyleTransferError as error:
            _end(error, str(error), error.exit_code, show)
        except OSError as error:
            _end(error, _of_file_system(error), 1, show)
        except MemoryError as error:
            _end(error, "not enough memory; give fewer or smaller pictures", 1, show)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command. Ctrl-C becomes an error with exit status 130."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if interrupted():
                raise self._interrupted(ctx) from error
            raise
        except KeyboardInterrupt as error:
            raise self._interrupted(ctx) from error

    def _interrupted(self, ctx: click.Context) -> click.ClickException:
        command = self.get_command(ctx, ctx.invoked_subcommand or "")
        known = command.interrupted if isinstance(command, Command) else "files written are whole"
        return _Interrupted(f"interrupted; {known}")


class _Interrupted(click.ClickException):
    exit_code = INTERRUPTED


def _traceback_option() -> click.Option:
    return click.Option(
        ["--traceback"],
        is_flag=True,
        expose_value=False,
        help="Show the traceback of an error. Example: --traceback",
    )


def _of_file_system(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    # Our code names every file that it writes, so a full disk without a name is a stream.
    full = "standard output" if error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF) else None
    where = error.filename or full
    return f"{where}: {reason}" if where else reason


def _end(error: Exception, message: str, status: int, show: bool) -> None:
    if show:
        traceback.print_exception(error)
    click.echo(f"Error: {one_line(message)}", err=True)
    sys.exit(status)
