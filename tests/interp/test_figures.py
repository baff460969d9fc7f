"""Figures: pixels where they belong, and text that stays in its column."""

import numpy as np
import pytest

from interp import figures, pictures
from interp.figures import ColorBar, pixels_of


def test_gray_is_scaled_from_least_to_greatest() -> None:
    gray = pictures.to_gray(np.array([[-1.0, 0.0], [0.5, 1.0]]))
    assert gray[..., 0].tolist() == [[0, 128], [191, 255]]
    assert (gray == gray[..., :1]).all()
    assert pictures.to_gray(np.full((2, 2), 7.0)).max() == 0
    assert pictures.to_gray(np.array([[0.5, 3.0]]), 0, 1)[0, :, 0].tolist() == [128, 255]


def test_signs_have_their_colors() -> None:
    (below, zero, above) = pictures.signed_map(np.array([[-2.0, 0.0, 1.0]]))[0].astype(int)
    assert below[2] > below[0]
    assert zero.min() > 240
    assert above[0] > above[2]


def test_a_grid_holds_the_tiles_enlarged() -> None:
    tiles = [np.random.default_rng(i).integers(0, 255, (3, 2, 3), np.uint8) for i in range(5)]
    sheet = pictures.grid(tiles, columns=2, gap=1, zoom=4)
    assert sheet.shape == (3 * 13 + 1, 2 * 9 + 1, 3)
    for place, tile in enumerate(tiles):
        top, left = 1 + place // 2 * 13, 1 + place % 2 * 9
        cut = sheet[top : top + 12, left : left + 8]
        np.testing.assert_array_equal(cut[::4, ::4], tile)
        assert (cut.reshape(3, 4, 2, 4, 3) == cut.reshape(3, 4, 2, 4, 3)[:, :1, :, :1]).all()
    assert (sheet[27:, 10:] == 255).all()


@pytest.mark.parametrize("caption", ["", "two words", "aWordThatIsMuchTooLongForItsColumn", "a\nb"])
def test_captions_stay_below_their_picture(caption: str) -> None:
    black = np.zeros((40, 60, 3), np.uint8)
    sheet = pixels_of(figures.table([[(black, caption), (black, "")]], gap=8))
    np.testing.assert_array_equal(sheet[8:48, 8:68], black)
    np.testing.assert_array_equal(sheet[8:48, 76:136], black)
    assert (sheet[:, 68:76] == 255).all()
    assert bool((sheet[48:, 8:68] < 255).any()) == bool(caption)


def test_captions_have_the_signs_that_are_used() -> None:
    black = np.zeros((4, 60, 3), np.uint8)
    drawn = [
        pixels_of(figures.table([[(black, sign)]])).tobytes()
        for sign in ("\uffff", "×", "∞", "ε", "σ", "−", "é", "²")
    ]
    assert len(set(drawn)) == len(drawn)


def test_pictures_lie_at_their_points() -> None:
    colors = [np.full((4, 4, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = pictures.picture_map(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), colors, side=24)
    assert sheet.shape == (14, 24, 3)
    assert sheet[-1, 0, 0] == 10
    assert sheet[-1, -1, 0] == 20
    assert sheet[0, 0, 0] == 30
    one = pictures.picture_map(np.array([[5.0, 5.0]]), colors[:1], side=24)
    np.testing.assert_array_equal(one, colors[0])


def test_charts_leave_no_state_behind() -> None:
    import sys

    chart = figures.curves([0, 1], {"up": [0, 1], "down": [1, 0]}, across="x", up="y")
    points = figures.scatter(np.random.default_rng(0).random((30, 2)), ["a", "b", ""] * 10)
    for picture in map(pixels_of, (chart, points)):
        assert picture.dtype == np.uint8
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    plotting = sys.modules.get("matplotlib.pyplot")
    assert plotting is None or not plotting.get_fignums()


def texts(figure: figures.Figure) -> list[str]:
    """All that is written in a figure."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(), *(text.get_text() for text in axes.texts)]
        if legend := axes.get_legend():
            found += [text.get_text() for text in legend.get_texts()]
    return found


def test_a_title_stands_above_and_a_color_bar_beside() -> None:
    black = np.zeros((40, 60, 3), np.uint8)
    plain = pixels_of(figures.table([[(black, "")]]))
    assert plain.shape == (56, 76, 3)
    bars = {(0, 0): ColorBar("inferno", -1.0, 2.5)}
    figure = figures.table([[(black, "below")]], title="What it is", bars=bars)
    assert texts(figure)[:2] == ["What it is", "below"]
    _, scale = figure.axes
    assert scale.get_ylim() == (-1.0, 2.5)
    sheet = pixels_of(figure)
    place = next(y for y in range(len(sheet)) if (sheet[y, 8:68] == 0).all())
    np.testing.assert_array_equal(sheet[place : place + 40, 8:68], black)
    assert len(np.unique(sheet[place : place + 40, 72:80].reshape(-1, 3), axis=0)) > 20
    larger = pixels_of(figures.table([[(black, "")]]), dpi=200)
    assert larger.shape == (112, 152, 3)


@pytest.mark.parametrize("kinds", [1, 3, 40])
def test_every_scatter_says_what_its_points_are(kinds: int) -> None:
    points = np.random.default_rng(0).random((80, 2))
    labels = [f"kind {number % kinds}" if kinds > 1 else "" for number in range(80)]
    figure = figures.scatter(points, labels, [f"photo{number}" for number in range(80)], title="T")
    said = set(texts(figure))
    assert "T" in said
    if kinds == 1:
        assert {"photo0", "photo2"} <= said
        assert len([word for word in said if word.startswith("photo")]) <= 60
    else:
        assert set(labels) <= said
