"""What the page paints is what Python paints."""

import numpy as np
import pytest

from styletransfer.images import read_image
from styletransfer.inference import Stylizer
from styletransfer.inference.color import preserve_colors
from web.tests.painter import SAMPLE, Painter, greatest_difference

LEVELS = 2  # that the pixels may differ by


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return read_image(SAMPLE).rgb


def test_the_sample_is_painted_without_a_click(
    painter: Painter, stylizer: Stylizer, photograph: np.ndarray
) -> None:
    painter.open()
    assert greatest_difference(painter.pixels("photograph")[..., :3], photograph) <= LEVELS
    expected = stylizer(photograph, stylizer.styles[1])
    painted = painter.pixels()
    assert greatest_difference(painted[..., :3], expected) <= LEVELS
    assert (painted[..., 3] == 255).all()
    assert painter.alert == ""


def test_style_strength_blend_and_colors_do_what_they_do_in_python(
    painter: Painter, stylizer: Stylizer, photograph: np.ndarray
) -> None:
    first, second = stylizer.styles[3], stylizer.styles[5]
    painter.open()

    painter.page.check(f"#styles input[value={first}]", force=True)
    painter.settle()
    assert greatest_difference(painter.pixels()[..., :3], stylizer(photograph, first)) <= LEVELS

    painter.change("#strength", "40")
    expected = stylizer(photograph, first, 0.4)
    assert greatest_difference(painter.pixels()[..., :3], expected) <= LEVELS

    painter.change("#second", second).change("#blend", "70")
    expected = stylizer(photograph, f"{first}:0.3,{second}:0.7", 0.4)
    assert greatest_difference(painter.pixels()[..., :3], expected) <= LEVELS

    painter.page.check("#colors")
    painter.settle()
    expected = preserve_colors(expected, photograph)
    difference = np.abs(painter.pixels()[..., :3].astype(int) - expected)
    # Where sRGB shows no more chroma, a level of lightness moves a color by several.
    assert np.percentile(difference, 99.9) <= LEVELS
    assert difference.max() <= 8


def test_strength_0_and_a_blend_with_itself_lose_nothing(
    painter: Painter, stylizer: Stylizer, photograph: np.ndarray
) -> None:
    style = stylizer.styles[2]
    painter.open(f"#style={style}&strength=0")
    plain = stylizer(photograph, "identity")
    assert greatest_difference(painter.pixels()[..., :3], plain) <= LEVELS
    painter.change("#strength", "100").change("#second", style)
    assert greatest_difference(painter.pixels()[..., :3], stylizer(photograph, style)) <= LEVELS


def test_a_link_brings_the_settings_to_another_tab(painter: Painter, stylizer: Stylizer) -> None:
    style, second = stylizer.styles[4], stylizer.styles[1]
    painter.open()
    painter.page.check(f"#styles input[value={style}]", force=True)
    painter.settle()
    painter.change("#strength", "80").change("#second", second).change("#blend", "25")
    painter.change("#size", "384")
    painter.page.check("#colors")
    painted = painter.settle().pixels()
    assert max(painted.shape) == 384

    link = painter.page.url
    painter.page.goto("about:blank")
    painter.page.goto(link)
    painter.page.wait_for_selector(".painted")
    painter.settle()
    assert np.array_equal(painter.pixels(), painted)
    assert painter.page.input_value("#strength") == "80"
    assert painter.page.input_value("#second") == second


@pytest.mark.parametrize("words", ["#style=no_such&strength=x&size=-3", "#strength=900", "#%%%"])
def test_a_link_that_makes_no_sense_gives_the_usual_settings(
    painter: Painter, stylizer: Stylizer, words: str
) -> None:
    painter.open(words)
    assert painter.page.is_checked(f"#styles input[value={stylizer.styles[1]}]")
    assert painter.page.input_value("#strength") == "100"


def test_every_style_has_a_thumbnail_of_the_photograph(
    painter: Painter, stylizer: Stylizer
) -> None:
    painter.open()
    count = len(stylizer.styles) - 1
    painter.page.wait_for_function(
        f"document.querySelectorAll('#styles canvas.fresh').length === {count}"
    )
    thumbnails = painter.page.evaluate(
        "[...document.querySelectorAll('#styles canvas')].map(canvas => canvas.toDataURL())"
    )
    assert len(set(thumbnails)) == count


def test_the_newest_of_many_requests_is_what_is_shown(
    painter: Painter, stylizer: Stylizer, photograph: np.ndarray
) -> None:
    painter.open()
    for style in stylizer.styles[1:]:
        painter.page.check(f"#styles input[value={style}]", force=True)
    painter.settle()
    expected = stylizer(photograph, stylizer.styles[-1])
    assert greatest_difference(painter.pixels()[..., :3], expected) <= LEVELS
