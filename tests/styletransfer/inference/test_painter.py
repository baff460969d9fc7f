"""When a picture is stylized in tiles, and that colors, masks and streams then still hold."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import MemoryLimitError, RequestError
from styletransfer.images import Picture, read_image
from styletransfer.inference import Stylizer
from styletransfer.inference.limits import BASE, Tiles, parse_tiles
from styletransfer.inference.masks import parse_masks, read_masks
from styletransfer.inference.painter import COPIES, Painter
from tests.styletransfer.inference.compact_model import exported, noise

SMALL = Tiles(side=40)
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
        ("200", "1GB", Tiles(200)),
    ],
)
def test_texts(tile: str, memory: str, expected: Tiles | None) -> None:
    assert parse_tiles(tile, memory, 164) == (expected, [])


def test_a_tile_below_the_receptive_field_is_raised() -> None:
    tiles, notes = parse_tiles("100", "1GB", 164)
    assert tiles == Tiles(164)
    assert notes == [
        "tiles of 100 pixels are smaller than the receptive field; 164 pixels are used"
    ]


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
    assert_alike(Painter(stylizer, **options, tiles=SMALL)(picture(), "udnie"), whole)
    assert not np.array_equal(whole.rgb, picture().rgb)


def test_tiles_and_masks(stylizer: Stylizer, tmp_path: Path) -> None:
    Image.fromarray(np.tri(90, 64, dtype=np.uint8) * 255).save(tmp_path / "m.png")
    regions = parse_masks([f"{tmp_path}/m.png=udnie", "rest=the_scream"], stylizer.styles)
    masks, _ = read_masks(regions)
    whole = Painter(stylizer, regions=regions, masks=masks)(picture(), "")
    assert_alike(Painter(stylizer, regions=regions, masks=masks, tiles=SMALL)(picture(), ""), whole)


@pytest.mark.parametrize("preserve_colors", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_streams_change_nothing(
    stylizer: Stylizer, mode: str, preserve_colors: bool, tmp_path: Path
) -> None:
    pytest.importorskip("pyvips", reason="pyvips is an optional extra")
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(noise(90, 64)).convert(mode).save(source)
    painter = Painter(stylizer, preserve_colors=preserve_colors, tiles=SMALL)
    assert painter.streams(source, target)
    shares: list[float] = []
    painter.stream(source, target, "udnie:0.5,the_scream:0.5", shares.append)
    assert sum(shares) == pytest.approx(1)
    assert_alike(read_image(target), painter(read_image(source), "udnie:0.5,the_scream:0.5"))


def test_auto_takes_tiles_where_the_whole_does_not_fit(stylizer: Stylizer) -> None:
    assert stylizer.bytes_per_pixel is not None
    whole = BASE + (stylizer.bytes_per_pixel + COPIES) * 400 * 500
    assert Painter(stylizer, tiles=Tiles(memory=whole))._grid((400, 500), 0) is None
    grid = Painter(stylizer, tiles=Tiles(memory=whole - 1))._grid((400, 500), 0)
    assert grid is not None
    assert max(down * across for down, across in grid.counts) > 1
    assert Painter(stylizer)._grid((10**5, 10**5), 0) is None


def test_what_lies_in_memory_leaves_less_for_tiles(stylizer: Stylizer) -> None:
    painter = Painter(stylizer, tiles=Tiles(memory=BASE + 30 * MEGAPIXEL))

    def tiles(held: int) -> int:
        grid = painter._grid((1000, 1000), held)
        assert grid is not None
        return sum(down * across for down, across in grid.counts)

    assert tiles(20 * MEGAPIXEL) > tiles(0)
    with pytest.raises(MemoryLimitError):
        painter._grid((1000, 1000), 30 * MEGAPIXEL)


def test_a_network_that_cannot_be_cut_is_refused_where_it_does_not_fit() -> None:
    stylizer = Stylizer(exported("johnson"), threads=1)
    large = picture(200, 300)
    whole = Painter(stylizer)(large, "udnie")
    assert_alike(Painter(stylizer, tiles=Tiles())(large, "udnie"), whole)
    with pytest.raises(MemoryLimitError, match=r"300×200 pixels take at least \d+ MB") as refusal:
        Painter(stylizer, tiles=Tiles(memory=BASE))(large, "udnie")
    least = re.search(r"--memory (\S+),", str(refusal.value))
    assert least is not None
    tiles, _ = parse_tiles("auto", least[1], 1)
    assert_alike(Painter(stylizer, tiles=tiles)(large, "udnie"), whole)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_file_too_large_to_read_is_refused_by_its_header(
    stylizer: Stylizer, tmp_path: Path, mode: str
) -> None:
    Image.new(mode, (2000, 1000)).save(tmp_path / "a.bmp")
    reading = {"RGB": 11, "RGBA": 22}[mode] * 2 * MEGAPIXEL
    if mode == "RGBA":  # Pillow reads a BMP's alpha as padding
        Image.new(mode, (2000, 1000)).save(tmp_path / "a.bmp", format="PNG")
    enough = Tiles(memory=BASE + max(reading, 60 * MEGAPIXEL))
    Painter(stylizer, tiles=enough).check(tmp_path / "a.bmp", None)
    with pytest.raises(MemoryLimitError, match="2000×1000 pixels take at least"):
        Painter(stylizer, tiles=Tiles(memory=BASE + reading - 1)).check(
            tmp_path / "a.bmp", None, 64
        )
    Painter(stylizer).check(tmp_path / "a.bmp", None)


def test_masks_count(stylizer: Stylizer, tmp_path: Path) -> None:
    regions = parse_masks(["rest=udnie"], stylizer.styles)
    mask = np.zeros((1000, 1000), np.uint8)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    enough = Tiles(memory=BASE + 2 * MEGAPIXEL)
    Painter(stylizer, tiles=enough).check(tmp_path / "a.png", None)
    Painter(stylizer, regions=regions, masks=[mask], tiles=enough).check(tmp_path / "a.png", None)
    with pytest.raises(MemoryLimitError):
        Painter(stylizer, regions=regions, masks=[mask] * 3, tiles=enough).check(
            tmp_path / "a.png", None
        )
