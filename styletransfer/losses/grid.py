"""Grid: in flat areas, is there more of the periods 2 and 4 than of those beside them?

A network that works at a half or a quarter of the size can leave checkerboards and lines of just
these periods, which show where the photograph itself has nothing to hide them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.losses.perceptual import LUMINANCE

# Side of the areas: a multiple of 4, so that both periods are frequencies of its transform.
SIDE, STEP = 32, 16
# At most so many areas an image.
MOST = 24
# Amplitude of what can't be seen in 8 bits; every frequency counts as having at least that.
INVISIBLE = 0.1 / 255
# Steps of the transform to the neighbors: beyond the width of the window's own lobe.
AWAY = (2, 3)
# Across, down and on both diagonals.
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
PERIODS = (2, 4)


def area_spread(image: Tensor) -> Tensor:
    """Standard deviation of the luminance in areas of 32×32, one every 16 pixels.

    N×3×H×W in 0..1 → N×h×w; h or w is 0 where a side is shorter than 32.
    """
    weights = torch.tensor(LUMINANCE, dtype=image.dtype, device=image.device)
    light = torch.einsum("nchw,c->nhw", image, weights)
    if min(light.shape[1:]) < SIDE:
        return light.new_zeros(len(light), 0, 0)
    return light.unfold(1, SIDE, STEP).unfold(2, SIDE, STEP).std((3, 4))


def spectral_peaks(areas: Tensor) -> Tensor:
    """Energy at the periods 2 and 4 by that of their neighbors: …×A×C×32×32 → …×2×4.

    By period, and by direction: across, down and on both diagonals. 1 is no grid. Every area has
    a Hann window. A period is compared with the frequencies before and after it in the same
    direction, for these have what texture runs that way. The A areas and C channels are averaged.
    There is no gradient to the neighbors: a grid is not undone by noise beside it.
    """
    hann = torch.hann_window(SIDE, dtype=areas.dtype, device=areas.device)
    window = hann[:, None] * hann
    waves = torch.fft.fft2((areas - areas.mean((-2, -1), keepdim=True)) * window)
    energy = (2 / window.sum()) ** 2 * (waves.real**2 + waves.imag**2) + INVISIBLE**2
    # By its own geometric mean, so that a calm area counts as much as a lively one.
    level = energy.log().mean((-2, -1), keepdim=True).exp().detach()
    energy = (energy / level).mean((-4, -3))
    by_period = [
        torch.stack([_ratio(energy, SIDE // period, *way) for way in DIRECTIONS], -1)
        for period in PERIODS
    ]
    return torch.stack(by_period, -2)


def grid_loss(image: Tensor, photograph: Tensor) -> Tensor:
    """How far the periods 2 and 4 stand out of the spectrum of flat areas: N numbers from 0.

    The mean over periods and directions of the logarithm of `spectral_peaks`, where it is above
    0, in the 24 areas where `photograph` is flattest. Both are N×3×H×W in 0..1; an image without
    room for an area has no grid.
    """
    spread = area_spread(photograph).flatten(1)
    if not spread.shape[1]:
        return image.new_zeros(len(image), dtype=torch.float32)
    flattest = spread.argsort(1)[:, :MOST]
    with torch.autocast(image.device.type, enabled=False):
        areas = image.float().unfold(2, SIDE, STEP).unfold(3, SIDE, STEP).flatten(2, 3)
        chosen = torch.stack([one[:, at] for one, at in zip(areas, flattest, strict=True)])
        return F.relu(spectral_peaks(chosen.transpose(1, 2)).log()).mean((1, 2))


def _ratio(energy: Tensor, frequency: int, down: int, across: int) -> Tensor:
    steps = [frequency + sign * away for away in AWAY for sign in (-1, 1)]
    beside = torch.stack([energy[..., down * s % SIDE, across * s % SIDE] for s in steps])
    # Spectra fall like a power of the frequency: on a logarithmic scale, along a line.
    expected = beside.log().mean(0).exp().detach()
    return energy[..., down * frequency % SIDE, across * frequency % SIDE] / expected
