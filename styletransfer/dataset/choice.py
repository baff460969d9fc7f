"""The style and the strength of each file, and its shard, drawn from hashes of its path.

A hash is used, not a generator of random numbers. So what a file gets does not depend on the other
files, and is the same in every order, shard and engine.
"""

import csv
import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from styletransfer.dataset.settings import EACH, RANDOM, Settings
from styletransfer.errors import DataSetError, StyleError
from styletransfer.inference.blend import parse_blend


def draw(seed: int, purpose: str, path: str) -> float:
    """Return a number in [0, 1), uniform over paths. The same arguments give the same number."""
    text = f"{seed}\0{purpose}\0".encode() + os.fsencode(path)
    return int.from_bytes(blake2b(text, digest_size=6).digest()) / 2**48


def in_shard(path: str, shard: tuple[int, int]) -> bool:
    """Tell whether `path` belongs to shard i of n, counted from 1."""
    number, count = shard
    return count == 1 or int(draw(0, "shard", path) * count) == number - 1


class Choice:
    """The styles and the strength of each file."""

    def __init__(self, settings: Settings, styles: Sequence[str]) -> None:
        """Check the styles of `settings`.

        Args:
            settings: The options of the run.
            styles: Names of the styles of the model.

        Raises:
            DataSetError: No style is given, or the table cannot be read.
            StyleError: The model has no such style.
        """
        self._settings = settings
        self._paintings = styles[1:] or styles
        self._table: dict[str, str] | None = None
        if settings.style_from is not None:
            self._table = read_table(Path(settings.style_from), styles)
        elif settings.style is None:
            listed = ", ".join(self._paintings)
            raise DataSetError(f"give a --style: {listed}, {RANDOM} or {EACH}, or --style-from")
        elif settings.style not in (RANDOM, EACH):
            parse_blend(settings.style, styles)

    @property
    def each(self) -> bool:
        """Whether every file gets all styles, each in a folder of its own."""
        return self._table is None and self._settings.style == EACH

    def styles(self, path: str) -> Sequence[str]:
        """Return the styles of the file at `path`. There are none if the table does not name it."""
        if self._table is not None:
            return [self._table[path]] if path in self._table else []
        if self._settings.style == EACH:
            return self._paintings
        if self._settings.style == RANDOM:
            place = draw(self._settings.seed, "style", path)
            return [self._paintings[int(place * len(self._paintings))]]
        return [str(self._settings.style)]

    def strength(self, path: str) -> float:
        """Return the strength for the file at `path`, with the decimals that the manifest shows."""
        low, high = self._settings.strengths
        if low == high:
            return low
        return round(low + (high - low) * draw(self._settings.seed, "strength", path), 4)


def read_table(path: Path, styles: Sequence[str]) -> dict[str, str]:
    """Read a CSV of two columns, the path of a file below the source and its style.

    A first row `path,style` is a heading.

    Raises:
        DataSetError: A row has another form, an unknown style, or a path that is named twice.
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
                    raise DataSetError(f"{path}: line {rows.line_num} is not path,style")
                name, style = row[0].strip().removeprefix("./"), row[1].strip()
                if style not in known:
                    parse_blend(style, styles)
                    known[style] = style
                if name in table:
                    raise DataSetError(f"{path}: line {rows.line_num} names {name} a second time")
                table[name] = known[style]
    except StyleError as error:
        raise DataSetError(f"{path}: line {rows.line_num}: {error}") from None
    except (OSError, csv.Error) as error:
        raise DataSetError(f"{path}: this table cannot be read ({error})") from None
    if not table:
        raise DataSetError(f"{path}: this table has no rows of the form path,style")
    return table
