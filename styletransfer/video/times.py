"""Times of a stream that start at 0 and do not begin anew midway."""

from fractions import Fraction
from typing import Any

_DISCONTINUOUS = 0x200  # FFmpeg's AVFMT_TS_DISCONT
_AGAIN = 1  # seconds that a time must go back, so that the clock has begun anew


def runs_by_clock(container: Any) -> bool:
    """Tell whether the times of a container are those of a clock, as in MPEG streams.

    The clock begins anywhere, and begins anew where recordings were joined.
    """
    return bool(container.format.flags & _DISCONTINUOUS)


class Times:
    """Turn the times of a stream into times that start at 0 and do not begin anew midway.

    Args:
        container: The container of the stream.
        time_base: Length of a tick in seconds.
    """

    def __init__(self, container: Any, time_base: Fraction) -> None:
        self._clock = runs_by_clock(container)
        self._again = _AGAIN / time_base
        begin = Fraction(container.start_time or 0, 1_000_000) if self._clock else Fraction(0)
        self._shift, self._next = -round(begin / time_base), 0

    def __call__(self, time: int | None, duration: int) -> int:
        """Return the new time of a frame or packet.

        Args:
            time: Its time in ticks; None if the stream does not tell it.
            duration: Its duration in ticks.
        """
        if time is None:
            time = self._next - self._shift
        if self._clock and self._next - (time + self._shift) > self._again:
            self._shift = self._next - time
        now = time + self._shift
        self._next = max(self._next, now + duration)
        return now
