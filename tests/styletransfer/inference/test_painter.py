"""When a picture is stylized in tiles, and that colors, masks and streams then still hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import RequestError
from styletransfer.images import Picture, read_image
from styletransfer.inference import Stylizer
from styletransfer.inference.masks import parse_masks, read_masks
from styletransfer.inference.painter import TILE, Painter, Tiles, parse_tiles
from tests.styletransfer.inference.compact_model import exported, noise

ROWS = Tiles(auto=False, rows=16)
MEGAPIXEL = 10**6


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return Stylizer(exported(), threads=1)


def picture(height: int = 90, width: int = 64) -> Picture:
    alpha = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    return Picture(noise(height, width), alpha, ("a note",))


def assert_alike(one: Picture, other: Picture) -> None:
    assert np.abs(one.rgb.astype(int) - other.rgb).max() <= 1
    assert (one.rgb != other.rgb).mean() < 0.02
    assert one.notes == other.notes
    np.testing.assert_array_equal(one.alpha, other.alpha)


@pytest.mark.parametrize(
    "tile, memory, expected",
    [
        ("auto", "1GB", Tiles(memory=10**9)),
        ("auto", "1.5 gb", Tiles(memory=1_500_000_000)),
        ("auto", "800M", Tiles(memory=800_000_000)),
        ("off", "1GB", None),
        ("200", "1GB", Tiles(auto=False, rows=200)),
    ],
)
def test_texts(tile: str, memory: str, expected: Tiles | None) -> None:
    assert parse_tiles(tile, memory, 164) == (expected, [])


def test_a_tile_below_the_receptive_field_is_raised() -> None:
    tiles, notes = parse_tiles("100", "1GB", 164)
    assert tiles == Tiles(auto=False, rows=164)
    assert notes == ["tiles of 100 rows are smaller than the receptive field; 164 rows are used"]


@pytest.mark.parametrize(
    "tile, memory", [("many", "1GB"), ("0", "1GB"), ("-5", "1GB"), ("auto", "0GB"), ("auto", "big")]
)
def test_other_texts_are_refused(tile: str, memory: str) -> None:
    with pytest.raises(RequestError, match="is not a"):
        parse_tiles(tile, memory, 164)


@pytest.mark.parametrize("preserve_colors", [False, True])
def test_tiles_change_nothing(stylizer: Stylizer, preserve_colors: bool) -> None:
    options: dict[str, Any] = {"strength": 0.8, "preserve_colors": preserve_colors}
    whole = Painter(stylizer, **options)(picture(), "udnie")
    assert_alike(Painter(stylizer, **options, tiles=ROWS)(picture(), "udnie"), whole)
    assert not np.array_equal(whole.rgb, picture().rgb)


def test_tiles_and_masks(stylizer: Stylizer, tmp_path: Path) -> None:
    Image.fromarray(np.tri(90, 64, dtype=np.uint8) * 255).save(tmp_path / "m.png")
    regions = parse_masks([f"{tmp_path}/m.png=udnie", "rest=the_scream"], stylizer.styles)
    masks, _ = read_masks(regions)
    whole = Painter(stylizer, regions=regions, masks=masks)(picture(), "")
    assert_alike(Painter(stylizer, regions=regions, masks=masks, tiles=ROWS)(picture(), ""), whole)


@pytest.mark.parametrize("preserve_colors", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_streams_change_nothing(
    stylizer: Stylizer, mode: str, preserve_colors: bool, tmp_path: Path
) -> None:
    pytest.importorskip("pyvips", reason="pyvips is an optional extra")
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(noise(90, 64)).convert(mode).save(source)
    painter = Painter(stylizer, preserve_colors=preserve_colors, tiles=ROWS)
    assert painter.streams(source, target)
    shares: list[float] = []
    painter.stream(source, target, "udnie:0.5,the_scream:0.5", shares.append)
    assert sum(shares) == pytest.approx(1)
    assert_alike(read_image(target), painter(read_image(source), "udnie:0.5,the_scream:0.5"))


def test_auto_keeps_to_the_memory(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stylizer, "bytes_per_pixel", 150)

    def band(megapixels: int, memory: int, held: int = 0) -> int | None:
        return Painter(stylizer, tiles=Tiles(memory=memory))._band(1000, megapixels * 1000, held)

    # 180 bytes for a pixel, beside the 150 MB that the process takes anyway.
    assert band(1, 330 * MEGAPIXEL) is None
    assert band(1, 329 * MEGAPIXEL) is not None
    wide = band(4, 500 * MEGAPIXEL)
    assert wide is not None
    assert (wide + stylizer.receptive_field) * TILE * 4000 * 180 <= (500 - 150) * MEGAPIXEL
    tight = band(4, 500 * MEGAPIXEL, held=50)
    assert tight is not None
    assert tight < wide
    # Never lower than the receptive field, whatever the memory.
    assert band(50, 160 * MEGAPIXEL) == stylizer.receptive_field
    assert Painter(stylizer)._band(10**5, 10**5, 0) is None


def test_auto_leaves_alone_what_cannot_be_cut() -> None:
    stylizer = Stylizer(exported("johnson"), threads=1)
    painter = Painter(stylizer, tiles=Tiles(memory=1))
    assert_alike(painter(picture(20, 24), "udnie"), Painter(stylizer)(picture(20, 24), "udnie"))
