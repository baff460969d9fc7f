"""Calls of the `interp` command, as the tests make them."""

from interp.commands.main import cli
from tests.calls import calls

run, refused = calls(cli)
