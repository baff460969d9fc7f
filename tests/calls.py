"""Calls of a command line in this process, as the tests of both packages make them."""

from collections.abc import Callable

import click
from click.testing import CliRunner, Result


def calls(cli: click.Command) -> tuple[Callable[..., Result], Callable[..., str]]:
    """Return `run` and `refused` for the commands of `cli`."""

    def run(*words: object) -> Result:
        """Call `cli` with these words; a bug is raised."""
        result = CliRunner().invoke(cli, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    def refused(*words: object, status: int = 2) -> str:
        """Make a call that fails before any work, and return the one line that says why."""
        result = run(*words)
        assert result.exit_code == status, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
        return result.stderr

    return run, refused
