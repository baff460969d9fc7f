"""The sheet shows every picture once, unscaled, on white, with ink where the labels are."""

import numpy as np
import pytest

from styletransfer.images import Picture
from styletransfer.inference.contact_sheet import contact_sheet

COLORS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200), (200, 0, 200)]


def plain(color: tuple[int, int, int], height: int = 60, width: int = 90) -> Picture:
    return Picture(np.full((height, width, 3), color, np.uint8), None, ())


def corner(sheet: Picture, color: tuple[int, int, int]) -> tuple[int, int]:
    """The top left of the one rectangle of `color`, after a check that it is whole."""
    rows, columns = np.nonzero((sheet.rgb == color).all(axis=2))
    top, left = int(rows.min()), int(columns.min())
    assert (rows.max() + 1 - top) * (columns.max() + 1 - left) == len(rows)
    return top, left


def test_one_photograph_wraps_into_a_grid() -> None:
    labels = ["photograph", "a", "b", "c", "d", "e"]
    sheet = contact_sheet(labels, [[plain(color) for color in COLORS]])
    corners = [corner(sheet, color) for color in COLORS]
    assert corners == sorted(corners)  # in reading order
    tops, lefts = {top for top, _ in corners}, {left for _, left in corners}
    assert (len(tops), len(lefts)) == (2, 3)
    for color in COLORS:
        assert np.count_nonzero((sheet.rgb == color).all(axis=2)) == 60 * 90
    assert 1.2 < sheet.rgb.shape[1] / sheet.rgb.shape[0] < 1.9


def test_every_picture_of_one_photograph_has_a_label_above_it() -> None:
    sheet = contact_sheet(["photograph", "a"], [[plain(COLORS[0]), plain(COLORS[1])]])
    for color in COLORS[:2]:
        top, left = corner(sheet, color)
        above = sheet.rgb[top - 18 : top, left : left + 90]
        assert above.min() < 100
        assert above.max() == 255


def test_several_photographs_are_a_table_with_one_line_of_labels() -> None:
    rows = [[plain(COLORS[0]), plain(COLORS[1])], [plain(COLORS[2]), plain(COLORS[3])]]
    sheet = contact_sheet(["photograph", "a"], rows)
    (top, left), (top2, right) = corner(sheet, COLORS[0]), corner(sheet, COLORS[1])
    assert top == top2
    below = corner(sheet, COLORS[2])
    assert below[1] == left
    assert corner(sheet, COLORS[3]) == (below[0], right)
    assert sheet.rgb[:top].min() < 100
    assert sheet.rgb[top + 60 : below[0]].min() == 255  # no label between the rows


def test_margins_are_white_on_all_sides() -> None:
    sheet = contact_sheet(["photograph", "g"], [[plain(COLORS[0]), plain(COLORS[1])]]).rgb
    for side in (sheet[:12], sheet[-12:], sheet[:, :12], sheet[:, -12:]):
        assert side.min() == 255


def test_pictures_of_all_shapes_and_labels_wider_than_they_are() -> None:
    shapes = [(1, 1), (60, 300), (300, 60)]
    rows = [
        [plain(color, *shape) for color in pair]
        for shape, pair in zip(shapes, zip(COLORS[::2], COLORS[1::2], strict=True), strict=True)
    ]
    sheet = contact_sheet(["photograph", "a_style_with_a_rather_long_name"], rows)
    for row, shape in zip(rows, shapes, strict=True):
        for picture in row:
            color = tuple(picture.rgb[0, 0])
            assert np.count_nonzero((sheet.rgb == color).all(axis=2)) == shape[0] * shape[1]


def test_what_is_transparent_shows_the_paper() -> None:
    alpha = np.zeros((60, 90), np.uint8)
    alpha[:, 45:] = 255
    sheet = contact_sheet(["photograph"], [[Picture(plain(COLORS[0]).rgb, alpha, ())]])
    assert np.count_nonzero((sheet.rgb == COLORS[0]).all(axis=2)) == 60 * 45


def test_refuses_rows_that_do_not_match() -> None:
    for rows in ([], [[plain(COLORS[0])]]):
        with pytest.raises(ValueError, match="a picture for each label"):
            contact_sheet(["photograph", "a"], rows)


def test_a_label_may_hold_any_characters() -> None:
    white = Picture(np.full((40, 60, 3), 255, np.uint8))
    sheet = contact_sheet(["two\nlines", "\x1b[31mred"], [[white, white]])
    assert (sheet.rgb < 128).any()
