"""Progress bars, and lines on stderr that do not break them."""

import sys
from typing import Any

from tqdm import tqdm


def report(line: str) -> None:
    """Write a line to stderr, above the progress bar if there is one."""
    tqdm.write(line, file=sys.stderr)


def on_terminal(quiet: bool = False) -> bool:
    """Whether progress may be shown: on a terminal only, and not if it is to be quiet."""
    return sys.stderr.isatty() and not quiet


def progress(total: int | None, unit: str, *, quiet: bool) -> "tqdm[Any]":
    """Open a bar with a rate, shown once the work has taken two seconds, and only on a terminal."""
    return tqdm(total=total, unit=unit, delay=2, disable=not on_terminal(quiet))
