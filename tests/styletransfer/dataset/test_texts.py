"""Any text that a user gives as an option is understood or refused."""

import math
from contextlib import suppress
from pathlib import Path

import pytest
from braceexpand import braceexpand
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.dataset.choice import read_table
from styletransfer.dataset.settings import parse_strength
from styletransfer.dataset.tars import SUFFIXES, _how_many, expand
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


@SEEDED
@given(
    st.recursive(
        st.sampled_from(["a", "{3..11}", "{09..2..3}", "{5..5..0}", "{c..x}"]),
        lambda parts: (
            st.lists(parts, min_size=1, max_size=3).map("".join)
            | st.lists(parts, min_size=1, max_size=3).map(lambda part: "{" + ",".join(part) + "}")
        ),
        max_leaves=4,
    )
)
def test_patterns_are_counted_before_they_are_expanded(pattern: str) -> None:
    assert _how_many(pattern) == len(list(braceexpand(pattern)))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("{0..9999999999}.tar", "10,000,000,000"),
        ("{000..999}{000..999}/{0..9}.tar", "10,000,000"),
        ("{" + "{0..999}" * 3 + ",a}.tar", "1,000,000,001"),
        ("{a,b}" * 40 + ".tar", "1,099,511,627,776"),
    ],
)
def test_a_pattern_of_too_many_files_is_never_expanded(text: str, count: str) -> None:
    with pytest.raises(DataSetError, match=f"means {count} tar files; give 1,000,000 at most"):
        expand(text)


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
