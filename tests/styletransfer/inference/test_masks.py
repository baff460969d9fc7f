"""Weight maps that sum to 1, and compositions without seams."""

import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from styletransfer.errors import MaskError
from styletransfer.images import Picture, Pixels
from styletransfer.inference.color import to_oklab
from styletransfer.inference.masks import (
    Region,
    compose,
    stylize_regions,
    weight_maps,
)
from tests.styletransfer.inference.planes import halves, noise
from tests.styletransfer.inference.scalar_oklab import oklab, srgb_levels

FLAT = {
    "identity": (128, 128, 128),
    "the_scream": (255, 0, 0),
    "udnie": (0, 255, 0),
    "starry_night": (0, 0, 255),
}


def flat(height: int, width: int, color: tuple[int, int, int]) -> Pixels:
    return np.full((height, width, 3), color, np.uint8)


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
