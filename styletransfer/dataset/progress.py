"""Progress of a run: a bar on a terminal, lines in a log, and the summary at the end."""

import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable

from tqdm import tqdm

from styletransfer.errors import one_line

LOG_SECONDS = 30.0
NAMED_FAILURES = 20
STAGES = ("decode", "stylize", "encode")


class Progress:
    """Counts of a run. Any thread may call it.

    Args:
        quiet: Whether only errors and notes are printed, to stderr.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.total: int | None = None
        self.counts: Counter[str] = Counter()
        self.suffixes: Counter[str] = Counter()  # of pictures that cannot be read
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._threads: Counter[str] = Counter()
        self._quiet = quiet
        self._start = time.perf_counter()
        self._logged = self._start
        self._lock = threading.Lock()
        hidden = quiet or not sys.stderr.isatty()
        self._bar = tqdm(unit="file", delay=2, disable=hidden, smoothing=0.05)

    def wrote(self, pictures: int, files: int = 1) -> None:
        """Count finished files and the pictures written for them."""
        self._count(done=files, written=pictures)

    def found(self) -> None:
        """Count a file that an earlier run has done."""
        self._count(done=1, found=1)

    def failed(self, source: str, reason: str) -> None:
        """Count a file that failed. The first ones are named on stderr."""
        self._count(done=1, failed=1)
        if self.counts["failed"] <= NAMED_FAILURES:
            self.say(f"Error: {source}: {reason}")
        elif self.counts["failed"] == NAMED_FAILURES + 1:
            self.say("Error: more files failed; failures.csv will name all")

    def failed_before(self) -> None:
        """Count a file that failed in an earlier run."""
        self._count(done=1, failed_before=1)

    def unread(self, suffix: str | None) -> None:
        """Count a picture in a format that cannot be read, if `suffix` is that of one."""
        if suffix:
            with self._lock:
                self.suffixes[suffix] += 1

    def note(self, source: str, text: str | None) -> None:
        """Print a note about a file, if there is one. Only the first notes are printed."""
        if not text:
            return
        self._count(notes=1)
        if self.counts["notes"] <= NAMED_FAILURES:
            self.say(f"{source}: {text}")

    def damaged(self, lines: Iterable[str]) -> None:
        """Print a line for each damaged record."""
        for line in lines:
            self.say(line)

    def say(self, line: str) -> None:
        """Print a line to stderr, above the bar if there is one."""
        tqdm.write(one_line(line), file=sys.stderr)

    def worked(self, stage: str, seconds: float) -> None:
        """Add the seconds of work of a thread of `stage` that has ended."""
        with self._lock:
            self._seconds[stage] += seconds
            self._threads[stage] += 1

    def tick(self) -> None:
        """Update the bar, or print a line to the log every half minute."""
        now = time.perf_counter()
        if self._quiet:
            return
        if not self._bar.disable:
            self._bar.total = self.total
            self._bar.set_postfix(failed=self.counts["failed"], refresh=False)
            self._bar.update(self.counts["done"] - self._bar.n)
        elif now - self._logged >= LOG_SECONDS:
            self._logged = now
            self.say(self.state())

    def state(self) -> str:
        """Return a line: files done, pictures a second, time left, failures."""
        seconds = time.perf_counter() - self._start
        done, fresh = self.counts["done"], self.counts["done"] - self.counts["found"]
        whole = f"{done} of {self.total}" if self.total is not None else f"{done}"
        left = ""
        if self.total is not None and fresh:
            remaining = (self.total - done) * seconds / fresh
            left = f", {tqdm.format_interval(remaining)} left"
        rate = self.counts["written"] / seconds
        return f"{whole} files, {rate:.1f} pictures a second{left}, {self.counts['failed']} failed"

    def summary(self) -> str:
        """Return the summary of the run, in one line."""
        self._bar.close()
        counts, seconds = self.counts, time.perf_counter() - self._start
        rate = counts["written"] / seconds
        line = (
            f"wrote {amount(counts['written'], 'picture')} in {seconds:.1f} s, {rate:.1f} a second"
        )
        return line + (
            f"; {amount(counts['found'], 'file')} done before" if counts["found"] else ""
        )

    def shares(self) -> str:
        """Return the share of the time in which the threads of each stage worked."""
        seconds = time.perf_counter() - self._start
        shares = (
            f"{stage} {self._seconds[stage] / (seconds * self._threads[stage]):.0%}"
            for stage in STAGES
            if self._threads[stage]
        )
        text = ", ".join(shares)
        return f"share of the time at work: {text}" if text else ""

    def _count(self, **more: int) -> None:
        with self._lock:
            self.counts.update(more)


def amount(count: int, noun: str) -> str:
    """Return `3 files`, or `1 file`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
