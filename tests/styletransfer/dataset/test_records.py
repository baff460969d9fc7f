"""The tables and journals: any name comes back, and what is damaged is named and made again."""

import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.dataset.records import COLUMNS, Entry, Records, read_rows, write_rows
from tests.styletransfer.dataset.data_set import check_manifest, data_set, run, save, tree

HASH = "0123456789abcdef" * 4
# What a file system and a journal can hold: any byte but NUL, as Python decodes it.
NAMES = st.binary(min_size=1, max_size=40).map(
    lambda name: name.replace(b"\0", b"x").decode("utf-8", "surrogateescape")
)


def entry(output: str, source: str) -> Entry:
    return Entry(output, source, "udnie", "1", "9", "8", "9", "8", "5", HASH, "6", "7", HASH)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.tuples(NAMES, NAMES), max_size=5))
def test_any_name_comes_back(tmp_path_factory: pytest.TempPathFactory, names: list) -> None:
    folder = tmp_path_factory.mktemp("names")
    rows = [tuple(vars(entry(*pair)).values()) for pair in names]
    assert write_rows(folder / "manifest.csv", COLUMNS, rows) == len(rows)
    assert [row for _, row, _ in read_rows(folder / "manifest.csv", COLUMNS)] == [*map(list, rows)]
    work = folder / "work"
    work.mkdir()
    lines = [json.dumps({"written": row}) for row in rows]
    (work / "1.journal").write_text("".join(line + "\n" for line in lines))
    records = Records(folder / "none", work)
    assert records.damages == []
    assert {e.output: e.source for e in records.entries()} == dict(names)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 1400), st.integers(0, 255)), max_size=5))
def test_rows_beside_a_damaged_one_are_kept(
    tmp_path_factory: pytest.TempPathFactory, changes: list
) -> None:
    path = tmp_path_factory.mktemp("damage") / "manifest.csv"
    rows = [list(vars(entry(f"{number}.png", "a\r\n")).values()) for number in range(6)]
    ends = []
    for count in range(len(rows) + 1):
        write_rows(path, COLUMNS, rows[:count])
        ends.append(path.stat().st_size)
    content = bytearray(path.read_bytes())
    changed = [(place % len(content), value) for place, value in changes]
    for place, value in changed:
        content[place] = value
    path.write_bytes(content)
    found = [row for _, row, _ in read_rows(path, COLUMNS)]
    assert len(found) <= len(content.splitlines())
    for number, row in enumerate(rows):
        # A damage reaches no further than the row after it, whose beginning it can take.
        if not any(
            ends[max(number - 1, 0)] - 1 <= place < ends[number + 1] for place, _ in changed
        ):
            assert row in found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return data_set(tmp_path / "photos", 8)


def test_names_with_carriage_returns(model: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in ("Icon\r.png", "a\r\nb.png", 'q"\r".png', "\n.png", "tab\t,.png"):
        save(photos / name)
    options = ("--style", "udnie", "--model", model)
    run(photos, out, *options)
    whole = tree(out)
    check_manifest(out)
    result = run(photos, out, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("wrote 0 pictures")
    assert tree(out) == whole
    assert run(photos, out, *options, "--verify").exit_code == 0


def damages(row: str) -> dict[str, str]:
    """What can become of a row, by its name."""
    cells = row.split(",")
    return {
        "cut short": row[: len(row) // 2],
        "an extra comma": row + ",",
        "an open quote": '"' + row,
        "a quote within": cells[0] + '"x' + row[len(cells[0]) :],
        "a quote at the end": row + '"',
        "NULs": "\0" * 20,
        "NULs within": row[:4] + "\0\0" + row[4:],
        "nothing": "",
        "too few": ",".join(cells[:-1]),
        "no output": ",".join(["", *cells[1:]]),
        "no source": ",".join([cells[0], "", *cells[2:]]),
        "a width of letters": ",".join([*cells[:4], "wide", *cells[5:]]),
        "a huge size": ",".join([*cells[:8], "9" * 400, *cells[9:]]),
        "a negative size": ",".join([*cells[:8], "-1", *cells[9:]]),
        "no hash": ",".join([*cells[:9], "", *cells[10:]]),
        "a short hash": ",".join([*cells[:9], cells[9][:63], *cells[10:]]),
        "no hash of the source": ",".join([*cells[:-1], ""]),
        "semicolons": row.replace(",", ";"),
        "a page": "<html>not found</html>",
        "another row twice": row + row,
    }


@pytest.mark.parametrize("target", ["out", "out/{0..1}.tar"])
def test_damaged_rows_of_the_manifest(
    model: Path, photos: Path, tmp_path: Path, target: str
) -> None:
    options = ("--style", "random", "--model", model)
    run(photos, tmp_path / target, *options)
    manifest = tmp_path / "out" / "manifest.csv"
    whole, text = tree(tmp_path / "out"), manifest.read_text()
    for name, damaged in damages(text.splitlines()[3]).items():
        lines = text.splitlines()
        lines[3] = damaged
        manifest.write_text("\n".join(lines) + "\n")
        result = run(photos, tmp_path / target, *options, "--verify")
        assert result.exit_code == 1, name
        said = f"{manifest}: row 4 is damaged"
        assert result.stderr.count(said) == 1, name
        result = run(photos, tmp_path / target, *options)
        assert (result.exit_code, result.stderr.count("\n")) == (0, 1), name
        assert result.stderr.count(said) == 1, name
        assert result.stdout.startswith("wrote 0 pictures"), name  # made again from the output
        assert tree(tmp_path / "out") == whole, name


@pytest.mark.parametrize(
    "line",
    [
        "{", "[]", "null", "7", '"failed"', "{}", '{"failed": []}', '{"failed": ["a"]}', "\0\0",
        '{"failed": ["a", 1]}', '{"failed": {"a": "b"}}', '{"failed": ["", "b"]}', "[" * 5000,
        '{"written": []}', '{"written": ["a", "b"]}', '{"written": null}', "9" * 5000,
        '{"written": ' + json.dumps([1] * 13) + "}", '{"retry": 1}', '{"retry": [1, "2"]}',
        '{"failed": ["\\ud800", "b"]}', '{"failed": ["\\u0000", "b"]}', '{"unknown": []}',
    ],
)  # fmt: skip
def test_damaged_lines_of_a_journal(model: Path, tmp_path: Path, line: str) -> None:
    photos, out = data_set(tmp_path / "photos", 2), tmp_path / "out"
    options = ("--style", "udnie", "--model", model)
    run(photos, out, *options)
    whole = tree(out)
    work = out / ".styletransfer"
    work.mkdir()
    journal = work / "00000000000000000001-00000000.journal"
    journal.write_text(line + '\n{"failed": ["cut sho')
    journal.with_suffix(".lock").touch()
    result = run(photos, out, *options)
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
    assert f"{journal}: row 1 is damaged" in result.stderr
    assert tree(out) == whole


@pytest.mark.parametrize(
    "row",
    ["", "a", "a,b,c", '"a,b', 'a,"b', "\0,b", ",b", "a,", "<html>"],
)
def test_damaged_rows_of_the_failures(model: Path, tmp_path: Path, row: str) -> None:
    photos, out = data_set(tmp_path / "photos", 2), tmp_path / "out"
    (photos / "broken.png").write_bytes(b"no picture")
    options = ("--style", "udnie", "--model", model)
    run(photos, out, *options)
    whole = tree(out)
    (out / "failures.csv").write_text(f"source,reason\n{row}\n")
    result = run(photos, out, *options)
    assert result.exit_code == 1
    assert result.stderr.count("failures.csv: row 2 is damaged") == 1
    assert "broken.png: not an image" in result.stderr  # it was tried again
    assert tree(out) == whole


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"{}", b'{"options": 3}', b'{"options": {}}', b"\xff\xfe",
        b"\0" * 99, b"[" * 100_000, b'{"options": {}, "source": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_damaged_record(model: Path, tmp_path: Path, content: bytes) -> None:
    photos, out = data_set(tmp_path / "photos", 2), tmp_path / "out"
    options = ("--style", "udnie", "--model", model)
    run(photos, out, *options)
    whole = tree(out)
    record = out / ".styletransfer.json"
    record.write_bytes(content)
    for more in ([], ["--verify"]):
        result = run(photos, out, *options, *more)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert f"{record}: is damaged; delete it" in result.stderr
    record.unlink()
    assert run(photos, out, *options).stdout.startswith("wrote 0 pictures")
    assert tree(out) == whole


def test_lost_rows_are_found_again_in_any_order(model: Path, photos: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "out", ("--style", "random", "--model", model)
    run(photos, out, *options)
    whole, manifest = tree(out), out / "manifest.csv"
    lines = manifest.read_bytes().splitlines(keepends=True)
    rest = random.Random(0).sample(lines, 4)
    manifest.write_bytes(b"".join(rest))
    assert run(photos, out, *options).stdout.startswith("wrote 0 pictures")
    assert tree(out) == whole
    shutil.rmtree(out)
