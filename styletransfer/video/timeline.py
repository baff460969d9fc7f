"""Styles and strengths that change over time: `starry_night@0`, `udnie@5s`, `0.5@1:30`."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from styletransfer.errors import StyleError
from styletransfer.inference.blend import IDENTITY, parse_blend

Row = NDArray[np.float32]


@dataclass(frozen=True)
class Timeline:
    """A style row for each moment of a film.

    Between two key times, style rows and strengths are interpolated linearly. Before the first and
    after the last one they are constant.

    Attributes:
        styles: Key times in seconds, ascending, each with a style row.
        strengths: Key times in seconds, ascending, each with a strength in 0..1.
    """

    styles: tuple[tuple[float, Row], ...]
    strengths: tuple[tuple[float, Row], ...]

    def row(self, time: float) -> Row:
        """Return the style row at a time in seconds, float32 of shape [S]."""
        strength = self.strength(time)
        row = strength * _between(self.styles, time)
        row[IDENTITY] += 1 - strength
        return row.astype(np.float32)

    def strength(self, time: float) -> float:
        """Return the strength in 0..1 at a time in seconds."""
        return float(_between(self.strengths, time)[0])


def parse_timeline(
    styles: Sequence[str], strengths: Sequence[str], names: Sequence[str]
) -> Timeline:
    """Read the texts of `--style` and `--strength`.

    Args:
        styles: Style texts, each with `@` and a time if there are several.
        strengths: Strengths in 0..1, each with `@` and a time if there are several; () for 1.
        names: Names of the styles of the model.

    Raises:
        StyleError: A style, strength or time cannot be used.
    """

    def strength(text: str) -> Row:
        try:
            value = float(text)
        except ValueError:
            raise StyleError(f"strength {text!r} is not a number; give one in 0..1") from None
        if not 0 <= value <= 1:
            raise StyleError(f"strength {value:g} is not in 0..1")
        return np.array([value])

    return Timeline(
        _keys(styles, lambda text: parse_blend(text, names).astype(float), "--style"),
        _keys(strengths or ["1"], strength, "--strength"),
    )


def parse_time(text: str) -> float:
    """Turn `5`, `5s`, `1:30` or `1:02:03.5` into seconds.

    Raises:
        StyleError: The text is not a time.
    """
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?s?", text):
        raise StyleError(f"{text!r} is not a time; write 5s or 1:30")
    seconds = 0.0
    for part in text.rstrip("s").split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _keys(
    texts: Sequence[str], value: Callable[[str], Row], option: str
) -> tuple[tuple[float, Row], ...]:
    keys = []
    for text in texts:
        before, at, time = text.rpartition("@")
        if not at and len(texts) > 1:
            raise StyleError(f"{option} {text!r} has no time; write {option} {text}@5s")
        keys.append((parse_time(time) if at else 0.0, value(before if at else text)))
    moments = [moment for moment, _ in keys]
    if len(set(moments)) < len(moments):
        raise StyleError(f"{option} has two values for one time; give different times")
    return tuple(sorted(keys, key=lambda key: key[0]))


def _between(keys: tuple[tuple[float, Row], ...], time: float) -> Row:
    after = bisect_right([moment for moment, _ in keys], time)
    if after in (0, len(keys)):
        return keys[max(0, after - 1)][1].copy()
    (start, first), (end, second) = keys[after - 1 : after + 1]
    share = (time - start) / (end - start)
    return (1 - share) * first + share * second
