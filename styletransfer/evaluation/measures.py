"""Tone: is what was bright in the photograph still brighter than what was dark?"""

import torch
from torch import Tensor

from styletransfer.evaluation.luminance import luminance

SIGMA = 8.0


def tone_correlation(output: Tensor, photograph: Tensor) -> float:
    """Spearman's rank correlation of the two luminances, both blurred with σ = 8 pixels: −1..1.

    Both are 1×3×H×W in 0..1. 0 where one of them is wholly flat.
    """
    first, second = (_ranks(_blurred(image)) for image in (output, photograph))
    first, second = first - first.mean(), second - second.mean()
    scale = (first.square().sum() * second.square().sum()).sqrt().item()
    return (first * second).sum().item() / scale if scale else 0.0


def _blurred(image: Tensor) -> Tensor:
    light = luminance(image)
    height, width = light.shape
    # Flat areas must tie, and rounding in double precision would order them.
    return (_blur(height) @ light @ _blur(width).T).float().flatten()


def _blur(size: int) -> Tensor:
    """The matrix that blurs `size` pixels; at the ends, of the weights that fall inside."""
    place = torch.arange(size, dtype=torch.float64)
    weights = torch.exp(-(((place[:, None] - place) / SIGMA) ** 2) / 2)
    return weights / weights.sum(1, keepdim=True)


def _ranks(values: Tensor) -> Tensor:
    """The rank of each value, from 1; equal values share the mean of theirs."""
    _, place, counts = torch.unique(values, return_inverse=True, return_counts=True)
    ranks: Tensor = counts.cumsum(0).double() - (counts - 1) / 2
    return ranks[place]
