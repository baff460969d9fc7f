"""Measure a model: every photograph in every style, then its worth in L-BFGS iterations."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from styletransfer.errors import EvaluationDataError, ImageError
from styletransfer.evaluation.judge import OBJECTIVE, Judge
from styletransfer.evaluation.optimizer import equivalent_iterations
from styletransfer.evaluation.photographs import find_paintings, find_photographs, read_photograph
from styletransfer.evaluation.report import (
    StyleReport,
    Yardstick,
    as_json,
    average,
    measure,
    paint,
    table,
    yardstick_table,
)
from styletransfer.inference import Stylizer


@dataclass(frozen=True)
class Evaluation:
    """The measurements of a model.

    Attributes:
        reports: Mean over all photographs for each style.
        yardsticks: Number of L-BFGS iterations that reach the same loss, for some pictures.
        photographs: Names of the photographs that could be read.
    """

    reports: dict[str, StyleReport]
    yardsticks: list[Yardstick]
    photographs: list[str]

    def tables(self) -> str:
        """Return Markdown tables, the mean over all styles in the last row."""
        mean = average(list(self.reports.values()))
        text = table({**self.reports, "mean": mean})
        return f"{text}\n\n{yardstick_table(self.yardsticks)}" if self.yardsticks else text

    def figures(self) -> dict[str, Any]:
        """Return the measurements in plain types, for JSON."""
        about = {"photographs": self.photographs, "style_weight": OBJECTIVE.style_weight}
        return as_json(self.reports, self.yardsticks, **about)


def evaluate(
    stylizer: Stylizer,
    photographs: Path,
    paintings: Path,
    *,
    loss_weights: str | Path = "default",
    yardstick: int = 0,
    yardstick_cap: int = 200,
    device: torch.device | None = None,
    quiet: bool = True,
) -> Evaluation:
    """Measure a model on photographs that training did not see.

    Args:
        stylizer: The model.
        photographs: Folder of photographs.
        paintings: Folder of paintings, each named as its style.
        loss_weights: Weights of the loss network, as `LossNetwork` takes them.
        yardstick: Number of pairs of photograph and style to optimize with L-BFGS.
        yardstick_cap: Greatest number of iterations for each.
        device: Where the losses are computed; None for the CPU.
        quiet: Show no progress.

    Raises:
        EvaluationDataError: A folder has no photograph that can be read, or no painting of a
            style.
        WeightsError: The weights cannot be used.
        ImageError: A painting cannot be read.
    """
    files = find_photographs(photographs)
    sources = find_paintings(paintings, list(stylizer.styles[1:]))
    judge = Judge(sources, loss_weights, device or torch.device("cpu"))
    reports, used = judge_styles(stylizer, judge, files, quiet)
    yardsticks = judge_by_optimizer(stylizer, judge, used, yardstick, yardstick_cap, quiet)
    return Evaluation(reports, yardsticks, [path.name for path in used])


def judge_styles(
    stylizer: Stylizer, judge: Judge, photographs: Sequence[Path], quiet: bool = False
) -> tuple[dict[str, StyleReport], list[Path]]:
    """Measure every painted style on all photographs that can be read.

    Stderr names those that cannot.

    Returns:
        The mean report of each style, and the photographs that were read.

    Raises:
        EvaluationDataError: No photograph can be read.
    """
    styles = stylizer.styles[1:]
    found: dict[str, list[StyleReport]] = {style: [] for style in styles}
    used = []
    total = len(photographs) * len(styles)
    with tqdm(total=total, desc="styles", unit="picture", disable=True if quiet else None) as bar:
        for path in photographs:
            try:
                photograph = read_photograph(path)
            except ImageError as error:
                tqdm.write(f"skipped {error}", file=sys.stderr)
                bar.update(len(styles))
                continue
            used.append(path)
            for style, report in measure(stylizer, judge, photograph, styles, bar).items():
                found[style].append(report)
    if not used:
        raise EvaluationDataError("none of the photographs can be read; name a folder with others")
    return {style: average(reports) for style, reports in found.items()}, used


def judge_by_optimizer(
    stylizer: Stylizer,
    judge: Judge,
    photographs: Sequence[Path],
    pairs: int,
    cap: int,
    quiet: bool = False,
) -> list[Yardstick]:
    """Count L-BFGS iterations for `pairs` pairs of a photograph and a style, at most `cap` each.

    The pairs are spread evenly over the photographs and the styles.
    """
    styles = stylizer.styles[1:]
    result = []
    for pair in range(pairs):
        path = photographs[pair * len(photographs) // pairs]
        style = styles[pair * len(styles) // pairs]
        photograph = read_photograph(path)
        with torch.no_grad():
            output = paint(stylizer, photograph, style)
            target = judge.losses(output, photograph, style)["total"].item()
        equivalent = equivalent_iterations(judge, photograph, style, target, cap, quiet)
        result.append(Yardstick(path.name, style, equivalent))
    return result
