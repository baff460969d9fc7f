"""Saliency maps, sanity tests and segmentations as figures."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from interp.figures import PAPER, Cell, heat_map, overlay, signed_map, table, to_color
from interp.saliency import Method
from interp.saliency.methods import SIGNED
from interp.saliency.sanity import Sanity
from styletransfer.images import Pixels

Map = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

# Single pixels are far above all others, and would leave the rest black.
_TOP = 99.5
_SHOWN = 7


def draw_map(method: Method, values: Map) -> Pixels:
    """An H×W map: bright where it is great; red for and blue against where it has signs."""
    reach = float(np.percentile(np.abs(values), _TOP))
    if method in SIGNED:
        return signed_map(np.clip(values, -reach, reach))
    return heat_map(values, low=0.0, high=reach)


def draw_gradient(values: Map) -> Pixels:
    """A gradient 3×H×W in color: gray is 0."""
    reach = float(np.percentile(np.abs(values), _TOP)) or 1.0
    return to_color(values, -reach, reach)


def saliency_row(
    method: Method, photograph: Pixels, caption: str, values: Map, gradient: Map | None
) -> list[Cell]:
    """The photograph, its map, and the map over it; for guided backprop, its gradient in color."""
    drawn = draw_map(method, values)
    cells = [(photograph, caption), (drawn, method)]
    if gradient is not None:
        return [*cells, (draw_gradient(gradient), "in color")]
    reach = float(np.percentile(np.abs(values), _TOP))
    return [*cells, (overlay(photograph, heat_map(values, low=0.0, high=reach), 0.5), "over it")]


def draw_sanity(photograph: Pixels, tests: Sequence[tuple[Method, Sanity]]) -> Pixels:
    """A row for each method: its map, then its maps as more and more layers are random, each with
    the layer that was reached and its rank correlation ρ with the first."""
    rows: list[list[Cell]] = []
    for method, test in tests:
        count = len(test.layers)
        stages = np.unique(np.linspace(0, count - 1, min(_SHOWN, count)).round().astype(int))
        row: list[Cell] = [(photograph, "image"), (draw_map(method, test.maps[0]), method)]
        for stage in stages:
            caption = f"to {test.layers[stage]}\nρ = {test.correlations[stage]:.2f}"
            row.append((draw_map(method, test.maps[stage + 1]), caption))
        rows.append(row)
    return table(rows)


def segmentation_row(
    photograph: Pixels, caption: str, foreground: Mask, background: Mask, mask: Mask
) -> list[Cell]:
    """The photograph, its seeds (red object, blue not), the mask, and the object on white."""
    marked = photograph.copy()
    for seeds, color in ((foreground, (230, 40, 40)), (background, (40, 70, 230))):
        marked[seeds] = (0.4 * photograph[seeds] + 0.6 * np.array(color)).astype(np.uint8)
    white = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
    cut = np.where(mask[..., None], photograph, np.uint8(PAPER))
    return [(photograph, caption), (marked, "seeds"), (white, "mask"), (cut, "cut out")]
