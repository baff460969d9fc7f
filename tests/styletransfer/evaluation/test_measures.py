"""Each measure sees what it is there for, planted in a photograph, and in it as it is nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from torch import Tensor

from styletransfer.errors import EvaluationDataError
from styletransfer.evaluation.measures import (
    NOISE,
    flat_areas,
    flicker,
    frame,
    grid,
    luminance,
    tone_correlation,
)
from styletransfer.evaluation.photographs import find_paintings, find_photographs, read_photograph
from styletransfer.losses.grid import INVISIBLE, SIDE
from tests.styletransfer.evaluation.photographs import NAMES, photograph


@pytest.fixture(scope="module", params=NAMES)
def photo(request: pytest.FixtureRequest) -> Tensor:
    return photograph(request.param)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class TestTone:
    def test_the_photograph_itself_and_its_negative(self, photo: Tensor) -> None:
        assert tone_correlation(photo, photo) == pytest.approx(1)
        assert tone_correlation(1 - photo, photo) == pytest.approx(-1, abs=1e-6)

    def test_is_blind_to_contrast_and_to_fine_detail(self, photo: Tensor) -> None:
        assert tone_correlation(0.3 + 0.2 * photo**2, photo) > 0.97
        noisy = (photo + 0.2 * noise(*photo.shape)).clamp(0, 1)
        assert tone_correlation(noisy, photo) > 0.97

    def test_equals_scipy(self, photo: Tensor) -> None:
        other = photo.flip(3).roll(40, 2)
        first, second = (
            gaussian_filter(luminance(p).numpy(), 8, mode="mirror", truncate=4).ravel()
            for p in (other, photo)
        )
        expected = spearmanr(first, second).statistic
        assert tone_correlation(other, photo) == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("height, width", [(1, 5), (5, 1), (12, 20)])
    def test_a_picture_smaller_than_the_blur(self, height: int, width: int) -> None:
        slope = torch.linspace(0, 1, height * width).reshape(1, 1, height, width)
        slope = slope.expand(1, 3, height, width)
        assert tone_correlation(slope, slope) == pytest.approx(1)
        assert tone_correlation(1 - slope, slope) == pytest.approx(-1)

    def test_a_flat_picture_has_no_tones(self, photo: Tensor) -> None:
        assert tone_correlation(torch.full_like(photo, 0.4), photo) == 0
        assert tone_correlation(photo, torch.full_like(photo, 0.4)) == 0


class TestFrameContrast:
    def test_a_ring_of_known_values(self) -> None:
        image = torch.full((1, 3, 100, 120), 0.4)
        image[..., :8, :] = image[..., -8:, :] = 0.5
        image[..., :8] = image[..., -8:] = 0.5
        # Inside the next 24 pixels nothing counts.
        image[..., 32:-32, 32:-32] = noise(1, 3, 36, 56)
        measured = frame(image)
        assert measured.mean == pytest.approx(0.25)
        assert frame(image.flip(3).transpose(2, 3)).mean == pytest.approx(0.25)

    def test_equals_a_loop_over_pixels(self) -> None:
        image = torch.rand(1, 3, 70, 66, generator=torch.Generator().manual_seed(0))
        light = luminance(image)
        rings: dict[bool, list[float]] = {True: [], False: []}
        for y in range(70):
            for x in range(66):
                depth = min(y, x, 69 - y, 65 - x)
                if depth < 32:
                    rings[depth < 8].append(light[y, x].item())
        outer, inner = rings[True], rings[False]
        mean = np.mean(outer) / np.mean(inner) - 1
        spread = np.std(outer, ddof=1) / np.std(inner, ddof=1) - 1
        assert frame(image) == pytest.approx((mean, spread))

    @pytest.mark.parametrize("change", [-0.15, 0.15])
    def test_a_planted_frame(self, photo: Tensor, change: float) -> None:
        framed = photo * (1 + change)
        framed[..., 8:-8, 8:-8] = photo[..., 8:-8, 8:-8]
        before, after = frame(photo), frame(framed)
        assert after.mean - before.mean == pytest.approx(change, rel=0.1)

    def test_a_frame_of_light_and_dark_lines_shows_in_the_spread(self, photo: Tensor) -> None:
        framed = photo.clone()
        for depth in range(8):
            sign = 1 if depth % 2 else -1
            for border in (depth, -1 - depth):
                framed[..., border, :] += 0.35 * sign
                framed[..., border] += 0.35 * sign
        assert frame(framed).spread > frame(photo).spread + 0.1

    def test_a_picture_without_room_is_refused(self) -> None:
        with pytest.raises(ValueError, match="64×90 pixels leave no room"):
            frame(torch.rand(1, 3, 90, 64))


def planted(period: int, kind: str, height: int, width: int) -> Tensor:
    """A wave of ±1 of that period: columns, rows, their product, or only a point a cell."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    square = 1.0 - 2.0 * ((torch.stack([x, y]) % period) < period / 2)
    return {
        "columns": square[0],
        "rows": square[1],
        "checkerboard": square[0] * square[1],
        "points": 2.0 * ((x % period == 1) & (y % period == 1)),
    }[kind]


class TestGrid:
    def test_flat_areas_are_the_flattest(self, photo: Tensor) -> None:
        light = luminance(photo)
        areas = flat_areas(photo)
        assert 0 < len(areas) <= 24 and len(set(areas)) == len(areas)
        spreads = [light[y : y + SIDE, x : x + SIDE].std().item() for y, x in areas]
        assert spreads == sorted(spreads) and spreads[-1] <= 0.03
        height, width = light.shape
        others = [
            light[y : y + SIDE, x : x + SIDE].std().item()
            for y in range(0, height - SIDE + 1, 16)
            for x in range(0, width - SIDE + 1, 16)
            if (y, x) not in areas
        ]
        assert min(others) >= min(spreads[-1], 0.03)

    def test_nothing_flat(self) -> None:
        image = torch.rand(1, 3, 64, 64)
        assert flat_areas(image) == [] and grid(image, []) is None
        assert flat_areas(torch.full((1, 3, 20, 90), 0.5)) == []

    def test_the_photograph_itself_has_none(self, photo: Tensor) -> None:
        measured = grid(photo, flat_areas(photo))
        assert measured is not None and max(measured) < 1.5

    def test_white_noise_and_a_constant_have_none(self) -> None:
        areas = [(y, x) for y in range(0, 480, SIDE) for x in range(0, 480, SIDE)]
        flat = torch.full((1, 3, 512, 512), 0.5)
        assert grid(flat, areas) == pytest.approx((1, 1))
        noisy = grid(flat + 0.05 * noise(1, 3, 512, 512), areas)
        assert noisy is not None and min(noisy) > 0.7 and max(noisy) < 1.4

    @pytest.mark.parametrize("kind", ["columns", "rows", "checkerboard", "points"])
    @pytest.mark.parametrize("period", [2, 4])
    def test_a_planted_grid(self, photo: Tensor, period: int, kind: str) -> None:
        wave = planted(period, kind, *photo.shape[2:])
        areas = flat_areas(photo)
        before, after = (grid(image, areas) for image in (photo, photo + 2 / 255 * wave))
        assert before is not None and after is not None
        index = {2: 0, 4: 1}[period]
        assert after[index] > 2 * before[index] and after[index] > 2
        if kind != "points":  # points have a harmonic
            assert after[1 - index] == pytest.approx(before[1 - index], rel=0.1)

    def test_a_grid_in_one_color_that_luminance_hardly_has(self, photo: Tensor) -> None:
        blue = photo.clone()
        blue[:, 2] += 6 / 255 * planted(4, "columns", *photo.shape[2:])
        measured = grid(blue, flat_areas(photo))
        assert measured is not None and measured.period4 > 2

    def test_another_period_is_none(self, photo: Tensor) -> None:
        x = torch.arange(photo.shape[3])
        for period in (3.2, 8, 16):
            wave = 3 / 255 * torch.sin(2 * torch.pi * x / period)
            measured = grid(photo + wave, flat_areas(photo))
            assert measured is not None and max(measured) < 1.5

    def test_the_energy_is_that_of_the_wave(self) -> None:
        x = torch.arange(64)
        image = torch.full((1, 3, 64, 64), 0.5) + 0.01 * torch.cos(torch.pi / 2 * x)
        measured = grid(image, [(0, 0), (16, 16)])
        assert measured is not None
        assert measured.period4 == pytest.approx((0.01 / INVISIBLE) ** 2, rel=0.01)


class TestFlicker:
    def test_the_film_itself_is_as_steady_as_it_is(self, photo: Tensor) -> None:
        assert flicker(lambda frame: frame, photo) == pytest.approx(1)

    def test_half_the_contrast_has_half_the_flicker(self, photo: Tensor) -> None:
        assert flicker(lambda frame: frame / 2, photo) == pytest.approx(0.5)

    def test_a_constant_is_steady(self, photo: Tensor) -> None:
        assert flicker(torch.zeros_like, photo) == 0

    def test_a_pattern_that_stands_still_flickers(self, photo: Tensor) -> None:
        """What sticks to the screen while the picture moves: a grid of the network, say."""
        pattern = 0.05 * noise(*photo.shape)

        def paint(frame: Tensor) -> Tensor:
            return frame + pattern[..., : frame.shape[2], : frame.shape[3]]

        expected = (0.05**2 * 2 + NOISE**2) ** 0.5 / NOISE
        assert flicker(paint, 0.25 + 0.5 * photo) == pytest.approx(expected, rel=0.03)

    def test_a_pattern_that_moves_along_does_not(self, photo: Tensor) -> None:
        edges = flicker(lambda frame: frame.diff(dim=3).abs(), photo)
        assert edges < 1.5

    def test_repeats_by_its_seed(self, photo: Tensor) -> None:
        def square(frame: Tensor) -> Tensor:
            return frame**2

        assert flicker(square, photo, 3) == flicker(square, photo, 3) != flicker(square, photo, 4)


class TestFolders:
    @pytest.mark.parametrize(
        ("size", "shape"),
        [((640, 427), (320, 480)), ((300, 900), (480, 320)), ((330, 320), (320, 330))],
    )
    def test_sizes(self, tmp_path: Path, size: tuple[int, int], shape: tuple[int, int]) -> None:
        path = tmp_path / "p.png"
        Image.new("RGB", size).save(path)
        assert read_photograph(path).shape == (1, 3, *shape)

    def test_the_middle_is_kept(self, tmp_path: Path) -> None:
        pixels = np.zeros((320, 1000, 3), np.uint8)
        pixels[:, 260:740] = 255
        Image.fromarray(pixels).save(path := tmp_path / "p.png")
        assert read_photograph(path).min() == 1

    def test_missing_ones_are_named(self, tmp_path: Path) -> None:
        folder = tmp_path
        for find in (find_photographs, lambda path: find_paintings(path, ["udnie"])):
            with pytest.raises(EvaluationDataError, match="no such folder"):
                find(folder / "none")
        with pytest.raises(EvaluationDataError, match="no photograph"):
            find_photographs(folder)
        for name in ("udnie.jpg", "other.jpg"):
            Image.new("RGB", (8, 8)).save(folder / name)
        assert find_paintings(folder, ["udnie"]) == {"udnie": folder / "udnie.jpg"}
        with pytest.raises(EvaluationDataError, match=r"'the_scream'; add .* the_scream\.jpg"):
            find_paintings(folder, ["udnie", "the_scream"])
        Image.new("RGB", (8, 8)).save(folder / "udnie.png")
        with pytest.raises(EvaluationDataError, match="are both 'udnie'"):
            find_paintings(folder, ["udnie"])
