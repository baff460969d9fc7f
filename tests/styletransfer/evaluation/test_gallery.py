"""What the losses do not see, held for every style of the shipped gallery."""

import statistics

import pytest
from torch import Tensor

from styletransfer.evaluation.frame import frame
from styletransfer.evaluation.grid import flat_areas, grid
from styletransfer.evaluation.report import paint
from styletransfer.evaluation.tone import tone_correlation
from styletransfer.inference import Stylizer
from tests.assets import shipped
from tests.styletransfer.evaluation.photographs import NAMES, photograph

# Half as much again: what strokes without a grid reach by chance in so few flat areas.
CHANCE = 1.5

# Strict: the day the shipped gallery is better, this says so.
in_training = pytest.mark.xfail(reason="the gallery still paints its cells: see its model card")

Pairs = dict[str, list[tuple[Tensor, Tensor]]]


@pytest.fixture(scope="module")
def gallery() -> Pairs:
    """Each style's photographs, with what it makes of them."""
    stylizer = Stylizer(shipped("gallery.onnx"), threads=1)
    photographs = [photograph(name) for name in NAMES]
    return {
        style: [(photo, paint(stylizer, photo, style)) for photo in photographs]
        for style in stylizer.styles[1:]
    }


def failing(values: dict[str, float], limit: float) -> dict[str, float]:
    """Those that are above; NaN counts."""
    return {name: value for name, value in values.items() if not value <= limit}


def test_a_bright_sky_stays_bright(gallery: Pairs) -> None:
    correlations = {
        style: statistics.mean(tone_correlation(output, photo) for photo, output in pairs)
        for style, pairs in gallery.items()
    }
    assert failing({style: -value for style, value in correlations.items()}, -0.5) == {}


@pytest.mark.parametrize("figure", ["mean", pytest.param("spread", marks=in_training)])
def test_no_frame(gallery: Pairs, figure: str) -> None:
    """The border differs from what is next to it as in the photograph, to 10 %."""
    excess = {
        style: statistics.mean(
            getattr(frame(output), figure) - getattr(frame(photo), figure)
            for photo, output in pairs
        )
        for style, pairs in gallery.items()
    }
    assert failing({style: abs(value) for style, value in excess.items()}, 0.1) == {}


@pytest.mark.parametrize(
    "index", [pytest.param(0, id="period 2"), pytest.param(1, id="period 4", marks=in_training)]
)
def test_no_grid(gallery: Pairs, index: int) -> None:
    ratios = {}
    for style, pairs in gallery.items():
        measured = [grid(output, flat_areas(photo)) for photo, output in pairs]
        ratios[style] = statistics.mean(one[index] for one in measured if one is not None)
    assert failing(ratios, CHANCE) == {}
