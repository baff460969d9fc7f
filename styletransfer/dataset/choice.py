"""The style and the strength of each file, and its shard, drawn from hashes of its path.

A hash and not a generator of random numbers: what a file gets depends on no other file, so it is
the same in every order, shard and engine.
"""

import csv
import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from styletransfer.dataset.settings import EACH, RANDOM, Settings
from styletransfer.errors import DataSetError as PlanError
from styletransfer.errors import StyleError
from styletransfer.inference.blend import parse_blend


def draw(seed: int, purpose: str, path: str) -> float:
    """Return a number in 0..1, evenly spread over paths, that the three arguments decide."""
    text = f"{seed}\0{purpose}\0".encode() + os.fsencode(path)
    return int.from_bytes(blake2b(text, digest_size=6).digest()) / 2**48


def in_shard(path: str, shard: tuple[int, int]) -> bool:
    """Tell whether `path` belongs to shard i of n, counted from 1."""
    number, count = shard
    return count == 1 or int(draw(0, "shard", path) * count) == number - 1


class Choice:
    """Which styles a file gets, and how strongly."""

    def __init__(self, settings: Settings, styles: Sequence[str]) -> None:
        """`styles` are those of the model. PlanError or StyleError for a style it does not have."""
        self._settings = settings
        self._paintings = styles[1:] or styles
        self._table: dict[str, str] | None = None
        if settings.style_from is not None:
            self._table = read_table(settings.style_from, styles)
        elif settings.style is None:
            listed = ", ".join(self._paintings)
            raise PlanError(f"give a --style: {listed}, {RANDOM} or {EACH}, or --style-from")
        elif settings.style not in (RANDOM, EACH):
            parse_blend(settings.style, styles)

    @property
    def each(self) -> bool:
        """Whether every file gets all styles, each in a folder of its own."""
        return self._table is None and self._settings.style == EACH

    def styles(self, path: str) -> Sequence[str]:
        """Return the styles of the file at `path`; none where the table does not name it."""
        if self._table is not None:
            return [self._table[path]] if path in self._table else []
        if self._settings.style == EACH:
            return self._paintings
        if self._settings.style == RANDOM:
            place = draw(self._settings.seed, "style", path)
            return [self._paintings[int(place * len(self._paintings))]]
        return [str(self._settings.style)]

    def strength(self, path: str) -> float:
        """Return the strength for the file at `path`, rounded to what the manifest shows."""
        low, high = self._settings.strength
        if low == high:
            return low
        return round(low + (high - low) * draw(self._settings.seed, "strength", path), 4)


def read_table(path: Path, styles: Sequence[str]) -> dict[str, str]:
    """Read a CSV of two columns, the path of a file below the source and its style.

    A first row `path,style` is a heading. Raises PlanError that names the line for a row that is
    not of this form, an unknown style, and a path that comes twice.
    """
    table: dict[str, str] = {}
    known: dict[str, str] = {}  # a blend is parsed once, and kept once in memory
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = csv.reader(file, strict=True)
            for row in rows:
                if not row or (rows.line_num == 1 and row == ["path", "style"]):
                    continue
                if len(row) != 2:
                    raise PlanError(f"{path}: line {rows.line_num} is not of the form path,style")
                name, style = row[0].strip().removeprefix("./"), row[1].strip()
                if style not in known:
                    parse_blend(style, styles)
                    known[style] = style
                if name in table:
                    raise PlanError(f"{path}: line {rows.line_num} names {name} a second time")
                table[name] = known[style]
    except StyleError as error:
        raise PlanError(f"{path}: line {rows.line_num}: {error}") from None
    except (OSError, csv.Error) as error:
        raise PlanError(f"{path}: this table cannot be read ({error})") from None
    if not table:
        raise PlanError(f"{path}: this table has no rows of the form path,style")
    return table
