"""What a transparent pixel hides has no effect; what shows is kept exactly."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from styletransfer.images import Pixels, read_image
from styletransfer.images.transparency import fill_hidden
from tests.styletransfer.images.samples import assert_shows, noise


def disc(height: int, width: int, softness: float = 4.0) -> Pixels:
    """Opaque in the middle, transparent outside, with a soft edge."""
    y, x = np.ogrid[:height, :width]
    far = np.hypot(y - height / 2, x - width / 2) - min(height, width) / 3
    return np.rint(255 * np.clip(0.5 - far / softness, 0, 1)).astype(np.uint8)


def rgba(rgb: Pixels, alpha: Pixels) -> Image.Image:
    return Image.fromarray(np.dstack([rgb, alpha]))


@pytest.mark.parametrize(
    "options", [{}, {"short_side": 40}, {"short_side": 40, "crop": True}, {"short_side": 300}]
)
def test_a_cut_out_over_a_photograph_is_one_over_black(
    tmp_path: Path, options: dict[str, int]
) -> None:
    alpha = disc(120, 160)
    photograph = noise(120, 160)
    black = photograph * (alpha > 0)[..., None]
    rgba(photograph, alpha).save(tmp_path / "photograph.png")
    rgba(black, alpha).save(tmp_path / "black.webp", lossless=True, exact=True)
    pictures = [read_image(tmp_path / name, **options) for name in ("photograph.png", "black.webp")]
    assert np.array_equal(pictures[0].alpha, pictures[1].alpha)
    assert np.array_equal(pictures[0].rgb, pictures[1].rgb)
    if not options:
        assert_shows(pictures[0], photograph, alpha)


def test_a_palette_and_a_gray_picture_too(tmp_path: Path) -> None:
    alpha = disc(60, 60)
    for mode in ("LA", "PA"):
        results = []
        for hidden in (0, 200):
            gray = np.where(alpha > 0, noise(60, 60, 1)[..., 0], hidden).astype(np.uint8)
            image = Image.fromarray(gray)
            image = image.convert("P").convert("PA") if mode == "PA" else image.convert("LA")
            image.putalpha(Image.fromarray(alpha))
            image.save(tmp_path / "a.tif")
            results.append(read_image(tmp_path / "a.tif").rgb)
        assert np.array_equal(*results)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    seed=st.integers(0, 2**32 - 1),
    visible=st.floats(0, 1),
)
def test_only_what_shows_matters(shape: tuple[int, int], seed: int, visible: float) -> None:
    random = np.random.default_rng(seed)
    # In patches: whole blocks are hidden, others in part.
    shows = np.kron(random.random((9, 9)) < visible, np.ones((8, 8)))[: shape[0], : shape[1]]
    alpha = (shows * random.integers(0, 256, shape)).astype(np.uint8)
    one = random.integers(0, 256, (*shape, 3), np.uint8)
    other = np.where((alpha == 0)[..., None], random.integers(0, 256, (*shape, 3)), one)
    other = other.astype(np.uint8)
    before = one.copy()
    fill_hidden(one, alpha)
    fill_hidden(other, alpha)
    assert np.array_equal(one, other)
    assert np.array_equal(one[alpha > 0], before[alpha > 0])
    if alpha.any():  # averages lie between what they are of
        lowest, highest = before[alpha > 0].min(axis=0), before[alpha > 0].max(axis=0)
        assert (one >= lowest).all() and (one <= highest).all()


def test_the_fill_continues_what_is_near() -> None:
    alpha = np.full((256, 256), 255, np.uint8)
    alpha[:, 64:192] = 0
    rgb = np.zeros((256, 256, 3), np.uint8)
    rgb[:, :128] = (200, 50, 0)
    rgb[:, 128:] = (0, 100, 240)
    rgb[alpha == 0] = 255
    fill_hidden(rgb, alpha)
    row = rgb[128].astype(int)
    steps = np.abs(np.diff(row, axis=0))
    assert steps.max() <= 16  # at the borders of what shows, too
    assert steps[64:191].max() <= 8
    assert (np.diff(row[:, 0]) <= 0).all() and (np.diff(row[:, 2]) >= 0).all()


def test_a_faint_pixel_does_not_color_its_surroundings() -> None:
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :16] = 255
    alpha[:, 16:24] = 1  # such colors are rounding errors of the program that wrote them
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:, :16] = 250
    fill_hidden(rgb, alpha)
    assert rgb[:, 24:].min() >= 240


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (40, 30)])
def test_a_picture_of_which_nothing_shows(shape: tuple[int, int]) -> None:
    rgb = noise(*shape)
    fill_hidden(rgb, np.zeros(shape, np.uint8))
    assert (rgb == 128).all()
