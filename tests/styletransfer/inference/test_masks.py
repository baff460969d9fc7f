"""Regions from texts and folders, weight maps that sum to 1, and compositions without seams."""

import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import ImageError, MaskError, MemoryLimitError, StyleError
from styletransfer.images import Picture, Pixels
from styletransfer.inference.color import to_oklab
from styletransfer.inference.limits import BASE
from styletransfer.inference.masks import (
    Region,
    compose,
    masks_in,
    parse_masks,
    read_masks,
    stylize_regions,
    weight_maps,
)
from tests.styletransfer.inference.scalar_oklab import oklab, srgb_levels

STYLES = ["identity", "the_scream", "udnie", "starry_night"]
FLAT = {
    "identity": (128, 128, 128),
    "the_scream": (255, 0, 0),
    "udnie": (0, 255, 0),
    "starry_night": (0, 0, 255),
}


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def halves(height: int, width: int, column: int) -> Pixels:
    """White left of a column, black from it on."""
    return np.where(np.arange(width) < column, np.uint8(255), np.uint8(0))[None].repeat(height, 0)


def flat(height: int, width: int, color: tuple[int, int, int]) -> Pixels:
    return np.full((height, width, 3), color, np.uint8)


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


class TestWeightMaps:
    @pytest.mark.parametrize("count", [0, 1, 2, 5])
    @pytest.mark.parametrize("rest", [None, 0, 1])
    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 90), (61, 47), (300, 200)])
    def test_sum_to_one(self, count: int, rest: int | None, height: int, width: int) -> None:
        masks: list[Pixels | None] = [
            noise(height + seed, width, seed=seed) * np.uint8(seed != 1) for seed in range(count)
        ]
        if rest is not None:
            masks.insert(rest, None)
        maps = weight_maps(masks, height, width)
        assert len(maps) == len(masks) + 1
        assert all(plane.dtype == np.uint8 and plane.shape == (height, width) for plane in maps)
        assert (np.sum(maps, axis=0, dtype=int) == 255).all()
        if rest is not None:
            assert not maps[-1].any()
        if count > 1:
            assert not maps[_second(masks)].any()

    @pytest.mark.parametrize("rest", [False, True])
    def test_against_the_definition(self, rest: bool) -> None:
        """Shares of what overlaps, then a Gaussian blur: three box blurs come within 3 %."""
        height, width = 300, 320
        top, left = halves(width, height, 140).T.copy(), halves(height, width, 100)
        soft = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
        masks: list[Pixels | None] = [top, left, soft, *([None] if rest else [])]
        shares = np.stack([top, left, soft]) / 255
        shares /= np.maximum(shares.sum(axis=0), 1)
        shares = np.concatenate([shares, 1 - shares.sum(axis=0, keepdims=True)])
        expected = np.stack([_gaussian(_gaussian(plane, 3.0).T, 3.0).T for plane in shares])
        maps = weight_maps(masks, height, width)
        assert np.abs(np.stack(maps[:4]) / 255 - expected).max() < 0.03

    def test_masks_that_cover_all_leave_nothing(self) -> None:
        """Masks of another size, resized and rounded each by itself, leave no film of the rest."""
        grain = noise(70, 50)
        masks = [grain, 255 - grain, grain * np.uint8(0), None]
        *covered, empty, rest, uncovered = weight_maps(masks, 233, 187)
        assert not empty.any()
        assert not rest.any()
        assert not uncovered.any()
        assert all(plane.any() for plane in covered)

    @pytest.mark.parametrize(("gray", "rest"), [(127, 0), (126, 3)])
    def test_two_levels_are_rounding_and_three_are_a_gap(self, gray: int, rest: int) -> None:
        half = np.full((40, 30), gray, np.uint8)
        *_, left, _ = weight_maps([half, half, None], 40, 30)
        assert (left == rest).all()

    def test_another_size(self) -> None:
        small = halves(10, 10, 5)
        (large, _) = weight_maps([small], 400, 200)
        assert (large[:, :80] == 255).all()
        assert (large[:, 120:] == 0).all()

    def test_fine_detail_is_averaged(self) -> None:
        stripes = np.tile(np.uint8([255, 0]), (400, 200))
        (gray, _) = weight_maps([stripes], 100, 100)
        assert ((gray[:, 8:-8] >= 126) & (gray[:, 8:-8] <= 129)).all()


class TestCompose:
    @pytest.mark.parametrize("count", [1, 2, 4])
    def test_one_picture_with_itself(self, count: int) -> None:
        picture = noise(90, 110, 3)
        masks = [noise(90, 110, seed=seed) for seed in range(count)]
        maps = weight_maps([*masks], 90, 110)
        np.testing.assert_array_equal(compose([picture] * len(maps), maps), picture)

    def test_one_by_one(self) -> None:
        pictures = [noise(12, 9, 3, seed=seed) for seed in range(3)]
        cuts = np.sort(noise(2, 12, 9, seed=9), axis=0)
        weights = [cuts[0], cuts[1] - cuts[0], 255 - cuts[1]]
        mixed = compose(pictures, weights)
        for place in np.ndindex(12, 9):
            parts = [
                np.multiply(oklab(*map(int, picture[place])), weight[place] / 255)
                for picture, weight in zip(pictures, weights, strict=True)
            ]
            assert np.abs(mixed[place] - srgb_levels(*np.sum(parts, axis=0))).max() <= 0.53

    def test_whole_shares_are_copies(self) -> None:
        pictures = [noise(20, 30, 3, seed=seed) for seed in range(2)]
        left = halves(20, 30, 11)
        mixed = compose(pictures, [left, 255 - left])
        np.testing.assert_array_equal(mixed[:, :11], pictures[0][:, :11])
        np.testing.assert_array_equal(mixed[:, 11:], pictures[1][:, 11:])

    @pytest.mark.parametrize(
        "colors",
        [
            ((0, 0, 0), (255, 255, 255)),
            ((255, 0, 0), (0, 255, 0)),
            ((0, 0, 255), (0, 255, 0)),
            ((255, 255, 0), (0, 0, 255)),
            ((30, 40, 60), (240, 220, 180)),
        ],
    )
    def test_no_seam(self, colors: tuple[tuple[int, int, int], tuple[int, int, int]]) -> None:
        """No two neighbors differ by more than the blurred edge rises in a pixel.

        That is the distance of the two colors in Oklab over σ√(2π), with 5 % for the three boxes
        that make the Gaussian, and the 255th of it and half a level that 8 bits add.
        """
        height, width, deviation = 500, 700, 5.0
        pictures = [flat(height, width, color) for color in colors]
        maps = weight_maps([halves(height, width, 333), None], height, width)
        mixed = compose([*pictures, pictures[0]], maps)
        planes = np.stack(to_oklab(mixed), axis=-1)
        distance = math.dist(oklab(*colors[0]), oklab(*colors[1]))
        bound = distance * (1.05 / (deviation * math.sqrt(2 * math.pi)) + 1 / 255) + 0.005
        bright = planes[..., 0] > 0.2  # a level of near-black is a long way in Oklab
        across = np.linalg.norm(np.diff(planes, axis=1), axis=-1)
        assert across[bright[:, 1:] & bright[:, :-1]].max() <= bound
        assert (mixed == mixed[:1]).all()
        np.testing.assert_array_equal(mixed[:, 0], flat(height, 1, colors[0])[:, 0])
        np.testing.assert_array_equal(mixed[:, -1], flat(height, 1, colors[1])[:, 0])

    def test_no_dark_fringe(self) -> None:
        """Between red and green, sRGB values pass a color darker than either."""
        ramp = np.arange(256, dtype=np.uint8)[None]
        pictures = [flat(1, 256, FLAT["the_scream"]), flat(1, 256, FLAT["udnie"])]
        lightness, _, _ = to_oklab(compose(pictures, [255 - ramp, ramp]))
        assert lightness.min() >= oklab(*FLAT["the_scream"])[0] - 1e-3
        values = pictures[0] * (1 - ramp[..., None] / 255) + pictures[1] * (ramp[..., None] / 255)
        assert to_oklab(values.astype(np.uint8))[0].min() < oklab(*FLAT["the_scream"])[0] - 0.02

    def test_memory_maps_in_place(self, tmp_path: Path) -> None:
        shape = (3000, 700)
        pictures = []
        for seed in range(2):
            picture = np.memmap(tmp_path / f"{seed}", np.uint8, "w+", shape=(*shape, 3))
            picture[:] = np.tile(noise(30, 700, 3, seed=seed), (100, 1, 1))
            pictures.append(picture)
        weight = np.tile(noise(30, 700, seed=7), (100, 1))
        expected = compose([p[:30].copy() for p in pictures], [weight[:30], 255 - weight[:30]])
        rest = 255 - weight
        tracemalloc.start()
        mixed = compose(pictures, [weight, rest], out=pictures[1])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert mixed is pictures[1]
        np.testing.assert_array_equal(mixed, np.tile(expected, (100, 1, 1)))
        assert peak < mixed.nbytes

    def test_weights_that_do_not_fit(self) -> None:
        picture, weight = noise(3, 4, 3), np.full((3, 4), 255, np.uint8)
        with pytest.raises(ValueError, match="sum to 255"):
            compose([picture, picture], [weight, weight])
        with pytest.raises(ValueError, match="sum to 255"):
            compose([picture], [weight - 1])
        with pytest.raises(ValueError, match="of its own size"):
            compose([picture], [weight.T])


class TestStylizeRegions:
    def paint(self, picture: Picture, style: str) -> Picture:
        self.asked.append(style)
        return replace(picture, rgb=flat(*picture.rgb.shape[:2], FLAT[style]))

    @pytest.fixture(autouse=True)
    def nothing_asked_yet(self) -> None:
        self.asked: list[str] = []

    def regions(self, *styles: str, rest: str | None = None) -> list[Region]:
        found = [Region(Path(f"{i}.png"), style) for i, style in enumerate(styles)]
        return [*found, *([Region(None, rest)] if rest else [])]

    def test_each_in_its_style(self) -> None:
        picture = Picture(noise(100, 120, 3), noise(100, 120), ("odd",))
        masks = [halves(100, 120, 40), halves(100, 120, 80) - halves(100, 120, 40), None]
        regions = self.regions("the_scream", "udnie", rest="starry_night")
        painted = stylize_regions(self.paint, picture, regions, masks)
        for columns, style in ((slice(0, 36), "the_scream"), (slice(44, 76), "udnie")):
            assert (painted.rgb[:, columns] == FLAT[style]).all()
        assert (painted.rgb[:, 84:] == FLAT["starry_night"]).all()
        assert painted.alpha is picture.alpha
        assert painted.notes == ("odd",)
        assert self.asked == ["the_scream", "udnie", "starry_night"]

    def test_what_is_in_no_mask_stays(self) -> None:
        picture = Picture(noise(100, 120, 3), None, ("odd",))
        painted = stylize_regions(
            self.paint, picture, self.regions("udnie"), [halves(100, 120, 30)]
        )
        assert (painted.rgb[:, :26] == FLAT["udnie"]).all()
        np.testing.assert_array_equal(painted.rgb[:, 34:], picture.rgb[:, 34:])
        assert painted.notes == ("odd", "75 % of the picture is in no mask and does not change")
        assert self.asked == ["udnie"]

    def test_a_sliver_is_not_told(self) -> None:
        picture = Picture(noise(100, 1200, 3), None, ())
        mask = halves(100, 1200, 1196)
        assert stylize_regions(self.paint, picture, self.regions("udnie"), [mask]).notes == ()

    def test_a_style_is_painted_once_and_only_where_it_shows(self) -> None:
        picture = Picture(noise(100, 120, 3), None, ())
        left, black = halves(100, 120, 50), np.zeros((10, 12), np.uint8)
        regions = self.regions("udnie", "the_scream", "udnie", rest="starry_night")
        masks = [left, black, 255 - left, None]
        painted = stylize_regions(self.paint, picture, regions, masks)
        assert self.asked == ["udnie"]
        assert (painted.rgb == FLAT["udnie"]).all()

    def test_only_empty_masks(self) -> None:
        picture = Picture(noise(9, 8, 3), None, ())
        black = np.zeros((9, 8), np.uint8)
        painted = stylize_regions(self.paint, picture, self.regions("udnie"), [black])
        np.testing.assert_array_equal(painted.rgb, picture.rgb)
        assert painted.notes == ("100 % of the picture is in no mask and does not change",)
        assert self.asked == []


def _second(masks: list[Pixels | None]) -> int:
    """The place of the second mask that is one, which is black."""
    return [index for index, mask in enumerate(masks) if mask is not None][1]


def _gaussian(plane: np.ndarray, deviation: float) -> np.ndarray:
    """Blur along the last axis, with the edge repeated."""
    offsets = np.arange(-15, 16)
    kernel = np.exp(-(offsets**2) / (2 * deviation**2))
    padded = np.pad(plane, ((0, 0), (15, 15)), mode="edge")
    return np.stack([np.convolve(row, kernel / kernel.sum(), mode="valid") for row in padded])


class TestAspect:
    def paint(self, picture: Picture, style: str) -> Picture:
        return replace(picture, rgb=flat(*picture.rgb.shape[:2], FLAT[style]))

    @pytest.mark.parametrize(
        ("mask", "size"), [((40, 60), (80, 121)), ((683, 1024), (341, 512)), ((3, 4), (300, 400))]
    )
    def test_another_size(self, mask: tuple[int, int], size: tuple[int, int]) -> None:
        regions = [Region(Path("sky.png"), "udnie")]
        white = np.full(mask, 255, np.uint8)
        painted = stylize_regions(self.paint, Picture(noise(*size, 3)), regions, [white])
        assert (painted.rgb == FLAT["udnie"]).all()

    @pytest.mark.parametrize(
        ("mask", "size"), [((60, 40), (80, 120)), ((100, 100), (100, 103)), ((9, 16), (300, 400))]
    )
    def test_another_aspect_is_told_with_both_sizes(
        self, mask: tuple[int, int], size: tuple[int, int]
    ) -> None:
        regions = [Region(Path("sky.png"), "udnie")]
        said = rf"sky\.png: the mask has {mask[1]}×{mask[0]} pixels .* {size[1]}×{size[0]};"
        with pytest.raises(MaskError, match=said):
            stylize_regions(
                self.paint, Picture(noise(*size, 3)), regions, [np.full(mask, 255, np.uint8)]
            )

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
        with pytest.raises(
            MemoryLimitError, match=r"m\.png: 1000×500 pixels take at least 0\.2 GB"
        ):
            read_masks(regions, BASE + 5_000_000)
