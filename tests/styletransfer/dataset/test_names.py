"""Names from models and files are data: for paths, and for the terminal."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.dataset.plan import style_folders
from styletransfer.dataset.records import TAKEN
from styletransfer.errors import one_line
from tests.styletransfer.dataset.data_set import check_manifest, data_set, pictures, rows, run, save
from tests.styletransfer.tiny_model import tiny_model

HOSTILE = ("..", "../../up", "manifest.csv", "CON", "a/b", "\x1b[31mred", "", "x" * 300)


def test_hostile_styles_stay_in_the_destination(tmp_path: Path) -> None:
    photos = data_set(tmp_path / "photos", 2)
    names = [name for name in HOSTILE if name]  # a model with an empty name is refused
    for start in range(0, len(names), 3):
        styles = names[start : start + 3]
        model = tiny_model(tmp_path / "m.onnx", styles=("identity", *styles))
        out = tmp_path / f"out{start}"
        before = set(tmp_path.iterdir())
        result = run(photos, out, "--style", "each", "--model", model)
        assert (result.exit_code, result.stderr) == (0, "")
        assert set(tmp_path.iterdir()) - before == {out}
        assert len(pictures(out)) == 2 * len(styles)
        assert len({name.partition("/")[0] for name in pictures(out)}) == len(styles)
        assert {row["style"] for row in rows(out / "manifest.csv")} == set(styles)
        check_manifest(out)
        assert run(photos, out, "--style", "each", "--model", model, "--verify").exit_code == 0


def test_plain_names_are_kept() -> None:
    styles = ("identity", "starry_night", "The Scream", "größe-2", "v1.5", "浮世絵")
    assert style_folders(styles) == {style: f"{style}/" for style in styles[1:]}


STYLES = st.text(st.characters(codec=None), max_size=12) | st.sampled_from(
    [
        *HOSTILE,
        *TAKEN,
        "con",
        "Con.txt",
        "aux ",
        "udnie",
        "Udnie",
        "é",
        "e\u0301",
        ".",
        "a.",
        "COM1",
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(STYLES, min_size=1, max_size=8, unique=True))
def test_any_styles_have_folders_of_their_own(styles: list[str]) -> None:
    names = [folder.removesuffix("/") for folder in style_folders(["identity", *styles]).values()]
    assert len({name.casefold() for name in names}) == len(styles)
    for name in names:
        assert PurePosixPath(name).name == PureWindowsPath(name).name == name
        assert not PureWindowsPath(name).is_reserved()
        assert name.casefold() not in TAKEN
        assert name[0] not in ". "
        assert name[-1] not in ". "
        assert len(name.encode()) <= 255
        assert one_line(name) == name


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(codec=None), max_size=30))
def test_a_line_has_no_code_for_a_terminal(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert line.encode().decode() == line


@pytest.mark.parametrize(
    "name", ["\x1b]0;title\x07.png", "a\x1b[2Jb.png", "\x9b31m.png", "a\u202eb.png"]
)
def test_names_of_files_reach_the_terminal_escaped(model: Path, tmp_path: Path, name: str) -> None:
    photos = tmp_path / "photos"
    save(photos / "good.png")
    (photos / name).write_bytes(b"no picture")
    result = run(photos, tmp_path / "out", "--style", "udnie", "--model", model)
    assert result.exit_code == 1
    assert one_line(name) in result.stderr
    assert all(line.isprintable() for line in result.stderr.splitlines())
    row = rows(tmp_path / "out" / "failures.csv")[0]
    assert row["source"] == name
