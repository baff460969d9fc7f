"""Measure a model in every style, and print the figures as a table."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from styletransfer.evaluation.judge import OBJECTIVE, Judge
from styletransfer.evaluation.measures import flat_areas, flicker, frame, grid, tone_correlation
from styletransfer.evaluation.optimizer import Equivalent
from styletransfer.inference import Stylizer
from styletransfer.losses import total_variation

TOTAL = f"{OBJECTIVE.style_weight:g}·style + content"


@dataclass(frozen=True)
class Figures:
    """The figures of one output, or the mean figures of several.

    Attributes:
        style_1, style_2, style_4: Style loss at full size, at a half and at a quarter.
        style: Mean of these three.
        content: Content loss.
        total: Total of the objective.
        total_variation: Total variation, divided by that of the photograph.
        tone, frame_mean, frame_spread, flicker: See `styletransfer.evaluation.measures`.
        grid_2, grid_4: Grid of period 2 and 4; None for a photograph without flat areas.
        milliseconds: Time of one stylization; None for a photograph.
    """

    style_1: float
    style_2: float
    style_4: float
    style: float
    content: float
    total: float
    total_variation: float
    tone: float
    frame_mean: float
    frame_spread: float
    grid_2: float | None
    grid_4: float | None
    flicker: float
    milliseconds: float | None


@dataclass(frozen=True)
class StyleReport:
    """Mean figures of one style over all photographs: of the outputs, and of the photographs."""

    output: Figures
    photograph: Figures


@dataclass(frozen=True)
class Yardstick:
    """How many L-BFGS iterations the model is worth on one photograph in one style."""

    photograph: str
    style: str
    equivalent: Equivalent


def paint(stylizer: Stylizer, photograph: Tensor, style: str) -> Tensor:
    """Stylize `photograph` (1×3×H×W in 0..1) in one of the model's styles."""
    row = np.zeros((1, len(stylizer.styles)), np.float32)
    row[0, stylizer.styles.index(style)] = 1
    pixels = np.ascontiguousarray(photograph.numpy())
    return torch.from_numpy(stylizer.stylize_tensor(pixels, row))


@torch.no_grad()
def measure(
    stylizer: Stylizer, judge: Judge, photograph: Tensor, styles: Sequence[str], bar: "tqdm[Any]"
) -> dict[str, StyleReport]:
    """Measure each of `styles` on one photograph."""
    areas = flat_areas(photograph)
    content = judge.content_target(photograph)

    def losses(output: Tensor, style: str) -> dict[str, float]:
        found = judge.losses(output, photograph, style, content)
        return {name: value.item() for name, value in found.items()}

    untouched = _looks(photograph, photograph, areas)
    paint(stylizer, photograph, styles[0])  # the first run at a size is slower
    reports = {}
    for style in styles:
        start = time.perf_counter()
        output = paint(stylizer, photograph, style)
        milliseconds = 1e3 * (time.perf_counter() - start)
        reports[style] = StyleReport(
            Figures(
                **losses(output, style),
                **_looks(output, photograph, areas),
                flicker=flicker(partial(paint, stylizer, style=style), photograph),
                milliseconds=milliseconds,
            ),
            Figures(
                **losses(photograph, style),
                **untouched,
                flicker=1.0,
                milliseconds=None,
            ),
        )
        bar.update()
    return reports


def average(reports: Sequence[StyleReport]) -> StyleReport:
    """Average each figure over the reports that have it."""
    return StyleReport(
        _mean([report.output for report in reports]),
        _mean([report.photograph for report in reports]),
    )


def table(reports: Mapping[str, StyleReport]) -> str:
    """Return a Markdown table with a row for each style; photographs' figures are in brackets."""
    head = (
        *("name", "style", "at 1/2", "at 1/4", "content", TOTAL, "TV", "tone"),
        *("frame mean", "frame spread", "grid 2", "grid 4", "flicker", "ms"),
    )
    lines = [_line(head), _line(["---"] * len(head))]
    for name, report in reports.items():
        out, photo = report.output, report.photograph
        lines.append(
            _line(
                [
                    name,
                    f"{out.style_1:.4f} ({photo.style_1:.3f})",
                    f"{out.style_2:.4f} ({photo.style_2:.3f})",
                    f"{out.style_4:.4f} ({photo.style_4:.3f})",
                    f"{out.content:.3f} ({photo.content:.0f})",
                    f"{out.total:.2f} ({photo.total:.0f})",
                    f"{out.total_variation:.2f}",
                    f"{out.tone:.2f}",
                    f"{out.frame_mean:+.3f} ({photo.frame_mean:+.3f})",
                    f"{out.frame_spread:+.3f} ({photo.frame_spread:+.3f})",
                    f"{_optional(out.grid_2, '.2f')} ({_optional(photo.grid_2, '.2f')})",
                    f"{_optional(out.grid_4, '.2f')} ({_optional(photo.grid_4, '.2f')})",
                    f"{out.flicker:.2f}",
                    _optional(out.milliseconds, ".0f"),
                ]
            )
        )
    return "\n".join(lines)


def yardstick_table(yardsticks: Sequence[Yardstick]) -> str:
    """Return a Markdown table of iterations, with the mean last; ">" marks a lower bound."""
    head = ("photograph", "style", TOTAL, "L-BFGS iterations to reach it")
    lines = [_line(head), _line(["---"] * len(head))]
    for one in yardsticks:
        e = one.equivalent
        lines.append(_line([one.photograph, one.style, f"{e.target:.3f}", _iterations([e])]))
    lines.append(_line(["mean", "", "", _iterations([one.equivalent for one in yardsticks])]))
    return "\n".join(lines)


def as_json(
    reports: Mapping[str, StyleReport], yardsticks: Sequence[Yardstick], **about: Any
) -> dict[str, Any]:
    """All of it in plain types; `about` comes first."""
    return {
        **about,
        "styles": {name: asdict(report) for name, report in reports.items()},
        "mean": asdict(average(list(reports.values()))),
        "yardsticks": [asdict(one) for one in yardsticks],
    }


def _looks(image: Tensor, photograph: Tensor, areas: list[tuple[int, int]]) -> dict[str, Any]:
    """What the losses do not see."""
    border, pattern = frame(image), grid(image, areas)
    variation = total_variation(image) / total_variation(photograph).clamp(1e-6)
    return {
        "total_variation": variation.item(),
        "tone": tone_correlation(image, photograph),
        "frame_mean": border.mean,
        "frame_spread": border.spread,
        "grid_2": pattern.period2 if pattern else None,
        "grid_4": pattern.period4 if pattern else None,
    }


def _mean(figures: Sequence[Figures]) -> Figures:
    columns = {f.name: [getattr(one, f.name) for one in figures] for f in fields(Figures)}
    known = {name: [v for v in values if v is not None] for name, values in columns.items()}
    return Figures(**{name: sum(v) / len(v) if v else None for name, v in known.items()})  # type: ignore[arg-type]


def _iterations(equivalents: Sequence[Equivalent]) -> str:
    """Their mean; those that did not get there count with their cap, and ">" says so."""
    counts = [e.cap if e.iterations is None else e.iterations for e in equivalents]
    bound = ">" if any(e.iterations is None for e in equivalents) else ""
    return f"{bound}{sum(counts) / len(counts):.0f}"


def _optional(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
