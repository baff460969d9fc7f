"""Masks from texts and folders, and their decoding."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import ImageError, MaskError, MemoryLimitError, StyleError
from styletransfer.inference.limits import BASE
from styletransfer.inference.masks import (
    Region,
    masks_in,
    parse_masks,
    read_masks,
)
from tests.styletransfer.inference.planes import halves, noise

STYLES = ["identity", "the_scream", "udnie", "starry_night"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Masks by the names of styles, and one whose name has the signs of a text."""
    for name in ("udnie.png", "the_scream.bmp", "a=b.png"):
        Image.fromarray(noise(4, 5)).save(tmp_path / name)
    return tmp_path


class TestTexts:
    def test_regions(self, folder: Path) -> None:
        texts = [
            f"{folder / 'udnie.png'}=the_scream",
            f" {folder / 'a=b.png'} = udnie:1,the_scream:3 ",
            "rest=identity",
        ]
        assert parse_masks(texts, STYLES) == [
            Region(folder / "udnie.png", "the_scream"),
            Region(folder / "a=b.png", "udnie:1,the_scream:3"),
            Region(None, "identity"),
        ]

    @pytest.mark.parametrize(
        ("texts", "said"),
        [
            (["udnie.png"], "'udnie.png' is not FILE=STYLE; write it as sky.png=starry_night"),
            (["=udnie"], "'=udnie' is not FILE=STYLE"),
            (["udnie.png="], "'udnie.png=' is not FILE=STYLE"),
            (["sky.png=udnie"], "mask sky.png: no such file"),
            (["=a.png=udnie"], "mask =a.png: no such file"),
            (["sub=udnie"], "mask sub: no such file"),
            ([f"{'long' * 99}=udnie"], "long: no such file"),
            (["udnie.png=udnie", "sub/../udnie.png=the_scream"], "udnie.png is given twice"),
            (["rest=udnie", "udnie.png=udnie", "rest=the_scream"], "mask rest is given twice"),
        ],
    )
    def test_wrong_calls(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], said: str
    ) -> None:
        monkeypatch.chdir(folder)
        (folder / "sub").mkdir()
        with pytest.raises(MaskError) as refusal:
            parse_masks(texts, STYLES)
        assert said in str(refusal.value)
        assert "\n" not in str(refusal.value)

    @pytest.mark.parametrize(
        "style", ["udni", "udnie:-1", "udnie:nan", "udnie:0", "udnie,identity"]
    )
    def test_styles_that_cannot_be_used(self, style: str) -> None:
        with pytest.raises(StyleError):
            parse_masks([f"rest={style}"], STYLES)


class TestFolder:
    def test_named_after_styles(self, folder: Path) -> None:
        (folder / "a=b.png").unlink()
        (folder / "notes.txt").write_text("no mask")
        assert masks_in(folder, STYLES) == [
            Region(folder / "the_scream.bmp", "the_scream"),
            Region(folder / "udnie.png", "udnie"),
        ]

    @pytest.mark.parametrize("name", ["rest", "udni", "udnie:1"])
    def test_named_after_nothing(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / f"{name}.png"
        Image.fromarray(noise(2, 2)).save(path)
        with pytest.raises(StyleError) as refusal:
            masks_in(tmp_path, STYLES)
        assert str(refusal.value).startswith(f"{path}: no style is named '{name}'")

    def test_without_masks(self, tmp_path: Path) -> None:
        with pytest.raises(MaskError, match="there is no mask in this folder"):
            masks_in(tmp_path, STYLES)

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match="cannot be listed"):
            masks_in(tmp_path / "none", STYLES)


class TestReading:
    @pytest.mark.parametrize(
        ("mode", "color", "coverage"),
        [
            ("1", 1, 255),
            ("L", 77, 77),
            ("LA", (200, 51), 40),
            ("RGB", (255, 255, 255), 255),
            ("RGB", (0, 255, 0), 150),  # the luma of BT.601
            ("RGBA", (255, 255, 255, 0), 0),
            ("RGBA", (255, 255, 255, 90), 90),
            ("RGBA", (0, 0, 0, 255), 0),
        ],
    )
    def test_white_times_alpha(
        self, tmp_path: Path, mode: str, color: int | tuple[int, ...], coverage: int
    ) -> None:
        Image.new(mode, (3, 2), color).save(tmp_path / "mask.png")
        masks, notes = read_masks([Region(None, "udnie"), Region(tmp_path / "mask.png", "udnie")])
        assert masks[0] is None
        np.testing.assert_array_equal(masks[1], np.full((2, 3), coverage))
        assert notes == []

    def test_notes_name_the_mask(self, tmp_path: Path) -> None:
        frames = [Image.fromarray(noise(4, 4, seed=seed)) for seed in range(2)]
        frames[0].save(tmp_path / "m.gif", save_all=True, append_images=frames[1:])
        _, (note,) = read_masks([Region(tmp_path / "m.gif", "udnie")])
        assert note == f"{tmp_path / 'm.gif'}: animated, 2 frames: only the first is used"

    def test_damaged(self, tmp_path: Path) -> None:
        (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
        with pytest.raises(ImageError, match=r"m\.png: "):
            read_masks([Region(tmp_path / "m.png", "udnie")])

    def test_a_mask_is_turned_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees
        Image.fromarray(halves(4, 6, 2)).save(tmp_path / "m.png", exif=exif)
        (mask,), _ = read_masks([Region(tmp_path / "m.png", "udnie")])
        np.testing.assert_array_equal(mask, halves(6, 4, 0) | np.rot90(halves(4, 6, 2), -1))

    def test_a_mask_too_large_is_named(self, tmp_path: Path) -> None:
        Image.new("L", (1000, 500)).save(tmp_path / "m.png")
        regions = [Region(tmp_path / "m.png", "udnie")]
        read_masks(regions, BASE + 6_000_000)
        with pytest.raises(MemoryLimitError, match=r"m\.png: 1000×500 pixels take at least \d+ MB"):
            read_masks(regions, BASE + 5_000_000)
