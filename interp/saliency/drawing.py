"""Saliency maps, sanity tests and segmentations as figures."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from interp.figures import Cell, ColorBar, table
from interp.pictures import PAPER, heat_map, overlay, to_color
from interp.saliency import Method
from interp.saliency.methods import SIGNED
from interp.saliency.sanity import Sanity
from styletransfer.images import Pixels

Map = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

# Single pixels are far above all others, and would leave the rest black.
_TOP = 99.5
_SHOWN = 7


def draw_map(method: Method, values: Map) -> tuple[Pixels, ColorBar]:
    """An H×W map and what its colors mean: bright where it is great; where it has signs, red speaks
    for and blue against."""
    reach = float(np.percentile(np.abs(values), _TOP)) or float(np.abs(values).max())
    bar = ColorBar("RdBu_r", -reach, reach) if method in SIGNED else ColorBar("inferno", 0, reach)
    return heat_map(values, bar.colors, bar.low, bar.high), bar


def draw_gradient(values: Map) -> Pixels:
    """A gradient 3×H×W in color: gray is 0."""
    reach = float(np.percentile(np.abs(values), _TOP)) or 1.0
    return to_color(values, -reach, reach)


def draw_saliency(
    method: Method,
    photographs: Sequence[Pixels],
    captions: Sequence[str],
    maps: Sequence[Map],
    gradients: Sequence[Map] | None,
    title: str = "",
) -> Figure:
    """A row for each image: the image, its map with a color bar, and the map over the image.

    For guided backprop the last is the gradient in color.
    """
    rows: list[list[Cell]] = []
    bars: dict[tuple[int, int], ColorBar] = {}
    for number, (photograph, caption, values) in enumerate(
        zip(photographs, captions, maps, strict=True)
    ):
        drawn, bars[number, 1] = draw_map(method, values)
        if gradients is not None and len(gradients[number]) == 3:
            last = (draw_gradient(gradients[number]), "the gradient in color, gray is 0")
        else:
            reach = float(np.percentile(np.abs(values), _TOP)) or float(np.abs(values).max())
            heat = heat_map(np.abs(values), low=0.0, high=reach)
            last = (overlay(photograph, heat, 0.5), "its size over the image")
        rows.append([(photograph, caption), (drawn, method), last])
    return table(rows, title=title, bars=bars)


def draw_sanity(
    photograph: Pixels, tests: Sequence[tuple[Method, Sanity]], title: str = ""
) -> Figure:
    """A row for each method: its map, then its maps as more and more layers are random, each with
    the layer that was reached and its rank correlation ρ with the first."""
    rows: list[list[Cell]] = []
    for method, test in tests:
        count = len(test.layers)
        stages = np.unique(np.linspace(0, count - 1, min(_SHOWN, count)).round().astype(int))
        row: list[Cell] = [(photograph, "image"), (draw_map(method, test.maps[0])[0], method)]
        for stage in stages:
            caption = f"random to {test.layers[stage]}\nρ = {test.correlations[stage]:.2f}"
            row.append((draw_map(method, test.maps[stage + 1])[0], caption))
        rows.append(row)
    return table(rows, title=title)


def segmentation_row(
    photograph: Pixels, caption: str, foreground: Mask, background: Mask, mask: Mask
) -> list[Cell]:
    """The photograph, its seeds (red object, blue not), the mask, and the object on white."""
    marked = photograph.copy()
    for seeds, color in ((foreground, (230, 40, 40)), (background, (40, 70, 230))):
        marked[seeds] = (0.4 * photograph[seeds] + 0.6 * np.array(color)).astype(np.uint8)
    white = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
    cut = np.where(mask[..., None], photograph, np.uint8(PAPER))
    return [
        (photograph, caption),
        (marked, "seeds: red is object, blue is not"),
        (white, "mask"),
        (cut, "cut out"),
    ]
