"""Calls of the `interp` command, as the tests make them."""

from click.testing import CliRunner, Result

from interp.commands.main import cli


def run(*words: object) -> Result:
    """Call `interp` with these words; a bug is raised."""
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
