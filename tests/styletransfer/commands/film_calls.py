"""Calls of `styletransfer video`."""

from click.testing import CliRunner, Result

from styletransfer.commands.main import cli


def run(*words: object) -> Result:
    result = CliRunner().invoke(cli, ["video", *(str(word) for word in words)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def done(*words: object) -> Result:
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    return result


def refused(*words: object, status: int = 2) -> str:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr
