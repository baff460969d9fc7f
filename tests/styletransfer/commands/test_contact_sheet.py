"""`styletransfer contact-sheet`: the sheet, and calls that are refused."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.styletransfer.commands.calls import load, refused, run


def test_contact_sheet(model: Path, photo: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    call = ("contact-sheet", photo, "-o", sheet, "--model", model, "--short-side", 40)
    result = run(*call)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"wrote {sheet}\n", "")
    assert min(load(sheet).shape[:2]) > 80  # four pictures, two by two
    assert "exists already" in refused(*call)
    assert run(*call, "--overwrite", "--style", "udnie").exit_code == 0
    assert min(load(sheet).shape[:2]) < 2 * 60


def test_contact_sheet_holds_the_pictures(model: Path, tmp_path: Path) -> None:
    photo, sheet = tmp_path / "p.png", tmp_path / "sheet.png"
    Image.new("RGB", (30, 30), (10, 200, 90)).save(photo)
    result = run("contact-sheet", photo, "-o", sheet, "--model", model, "--short-side", 30,
                 "--style", "udnie")  # fmt: skip
    assert result.exit_code == 0
    for color in ((10, 200, 90), (245, 55, 165)):
        assert np.count_nonzero((load(sheet) == color).all(axis=2)) == 900


def test_contact_sheet_without_the_photographs_that_fail(
    model: Path, photo: Path, tmp_path: Path
) -> None:
    missing, sheet = tmp_path / "missing.png", tmp_path / "sheet.png"
    result = run("contact-sheet", missing, photo, "-o", sheet, "--model", model, "--short-side", 20)
    assert (result.exit_code, result.stdout) == (1, f"wrote {sheet}\n")
    assert result.stderr.startswith(f"Error: {missing}: ")
    other = tmp_path / "other.png"
    result = run("contact-sheet", missing, "-o", other, "--model", model)
    assert (result.exit_code, result.stdout) == (1, "")
    assert not other.exists()


def test_contact_sheets_that_are_refused(model: Path, photo: Path, tmp_path: Path) -> None:
    call = ("contact-sheet", photo, "--model", model, "-o")
    assert "is an input" in refused(*call, photo, "--overwrite")
    assert "not the name of a picture" in refused(*call, tmp_path / "sheet.txt")
    assert "did you mean udnie?" in refused(*call, tmp_path / "s.png", "--style", "udni")
