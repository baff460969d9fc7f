"""A progress bar is for a person at a terminal who did not ask for quiet."""

import io
import sys

import pytest

from styletransfer.inference.work import progress, report


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stderr", "quiet", "hidden"),
    [(Terminal(), False, False), (Terminal(), True, True), (io.StringIO(), False, True)],
)
def test_where_the_bar_is_shown(
    monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, quiet: bool, hidden: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress(3, quiet=quiet) as bar:
        assert bar.disable is hidden
        bar.update(3)
    assert stderr.getvalue() == ""  # three pictures within two seconds


def test_the_bar_shows_the_rate_of_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress(3, quiet=False) as bar:
        bar.start_t -= 4  # as if it had begun four seconds ago
        bar.update(2)
    assert "2/3" in terminal.getvalue()
    assert "2.00s/picture" in terminal.getvalue()


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stderr", [None, closed(), Full()])
def test_without_a_stderr_that_takes_text(
    monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO | None
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress(3, quiet=False) as bar:
        bar.update(3)
    report("a line")
