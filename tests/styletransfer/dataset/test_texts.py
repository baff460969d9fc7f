"""Any text that a user gives as an option is understood or refused."""

import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.dataset.choice import read_table
from styletransfer.dataset.settings import parse_strength
from styletransfer.dataset.tars import SUFFIXES, expand
from styletransfer.errors import DataSetError
from tests.styletransfer.tiny_model import STYLES

SEEDED = settings(max_examples=100, deadline=None, derandomize=True)


@SEEDED
@given(st.text(max_size=12) | st.from_regex(r"-?[0-9.e]{1,4}(\.\.[0-9.]{1,4})?", fullmatch=True))
def test_strengths(text: str) -> None:
    try:
        low, high = parse_strength(text)
    except DataSetError:
        return
    assert 0 <= low <= high <= 1
    assert math.isfinite(low + high)


@SEEDED
@given(st.text(st.sampled_from("ab/{}.,012"), max_size=12), st.sampled_from(["", *SUFFIXES]))
def test_patterns_of_tars(text: str, suffix: str) -> None:
    try:
        paths = expand(text + suffix)
    except DataSetError:
        return
    if paths is not None:
        assert len({path.name for path in paths}) == len(paths) > 0
        assert all(path.name.endswith(SUFFIXES) for path in paths)


LINES = st.lists(
    st.tuples(st.sampled_from(["a.png", "./a.png", "b", '"', ""]), st.sampled_from([*STYLES, "x"])),
    max_size=4,
).map(lambda rows: "".join(f"{name},{style}\n" for name, style in rows).encode())


@SEEDED
@given(content=st.binary(max_size=40) | LINES)
def test_tables(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = Path(tmp_path_factory.getbasetemp(), "table.csv")
    path.write_bytes(content)
    with suppress(DataSetError):
        table = read_table(path, STYLES)
        assert table and not any(name.startswith("./") for name in table)
