"""Judging a model: every photograph in every style, and the yardstick."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from styletransfer.evaluation.losses import Judge
from styletransfer.evaluation.optimizer import equivalent_iterations
from styletransfer.evaluation.photographs import read_photograph
from styletransfer.evaluation.report import StyleReport, Yardstick, average, measure, paint
from styletransfer.inference import Stylizer


def judge_styles(
    stylizer: Stylizer, judge: Judge, photographs: Sequence[Path], quiet: bool = False
) -> dict[str, StyleReport]:
    """The figures of every painted style, each the mean over all photographs.

    Raises ImageError for a photograph that can't be read: a mean is that of all or of none.
    """
    styles = stylizer.styles[1:]
    found: dict[str, list[StyleReport]] = {style: [] for style in styles}
    total = len(photographs) * len(styles)
    with tqdm(
        total=total, desc="styles", unit="picture", delay=2, disable=True if quiet else None
    ) as bar:
        for path in photographs:
            figures = measure(stylizer, judge, read_photograph(path), styles, bar)
            for style, report in figures.items():
                found[style].append(report)
    return {style: average(reports) for style, reports in found.items()}


def judge_by_optimizer(
    stylizer: Stylizer,
    judge: Judge,
    photographs: Sequence[Path],
    pairs: int,
    cap: int,
    quiet: bool = False,
) -> list[Yardstick]:
    """The optimiser's equivalent for `pairs` of photograph and style, spread evenly over both.

    Each gets at most `cap` iterations. Raises ImageError as above.
    """
    styles = stylizer.styles[1:]
    result = []
    for pair in range(pairs):
        path = photographs[pair * len(photographs) // pairs]
        style = styles[pair * len(styles) // pairs]
        photograph = read_photograph(path)
        with torch.no_grad():
            output = paint(stylizer, photograph, style)
            target = judge.losses(judge.look(output), judge.look(photograph), style).total.item()
        equivalent = equivalent_iterations(judge, photograph, style, target, cap, quiet)
        result.append(Yardstick(path.name, style, equivalent))
    return result
