"""`styletransfer stylize` with masks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.styletransfer.commands.calls import load, refused, run, save


def test_masks(model: Path, photo: Path, tmp_path: Path) -> None:
    mask = np.zeros((6, 9), np.uint8)
    mask[:, :4] = 255
    Image.fromarray(mask).save(tmp_path / "left.png")
    out = tmp_path / "out.png"
    words = ("--mask", f"{tmp_path}/left.png=udnie", "--mask", "rest=the_scream")
    result = run("stylize", photo, "-o", out, *words, "--model", model)
    assert (result.exit_code, result.stderr) == (0, "")
    assert np.abs(load(out)[:, 0] - (255 - load(photo)[:, 0])).max() <= 1


def test_a_folder_of_masks_and_what_it_leaves_out(model: Path, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    half = np.repeat(np.array([[255] * 5 + [0] * 4], np.uint8), 6, axis=0)
    Image.fromarray(half).save(tmp_path / "masks" / "udnie.png")
    out = tmp_path / "out.png"
    result = run("stylize", photo, "-o", out, "--style", tmp_path / "masks", "--model", model)
    assert result.exit_code == 0
    assert "% of the picture is in no mask and does not change" in result.stderr
    np.testing.assert_array_equal(load(out)[:, -1], load(photo)[:, -1])


@pytest.mark.parametrize(
    "words, said",
    [
        (("--mask", "gone.png=udnie"), "gone.png"),
        (("--mask", "rest"), "="),
        (("--mask", "rest=udnie", "--style", "udnie"), "give either --style or --mask"),
        (("--style", "udnie", "--tile", "some"), "tile 'some'"),
        (("--style", "udnie", "--memory", "much"), "memory 'much'"),
        (("--style", "udnie", "--provider", "quantum"), "auto, cpu"),
        (("--style", "udnie:-1,the_scream:2"), "-1"),
        (("--style", "udnie:nan,the_scream:2"), "nan"),
        (("--style", "udnie:0,the_scream:0"), "sum to 0"),
    ],
)
def test_what_is_refused_leaves_no_file(
    model: Path, photo: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "out.png"
    line = refused("stylize", photo, "-o", out, *words, "--model", model)
    assert said in line
    assert not out.exists()


def test_a_mask_is_never_overwritten(model: Path, photo: Path, tmp_path: Path) -> None:
    mask = save(tmp_path / "mask.png")
    words = ("--mask", f"{mask}=udnie", "--overwrite", "--model", model)
    assert "is an input" in refused("stylize", photo, "-o", mask, *words)
