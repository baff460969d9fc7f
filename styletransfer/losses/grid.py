"""The grid loss: it measures checkerboard and line patterns of period 2 and 4 in flat areas.

Networks that work at a half or a quarter of the size can cause such patterns. They are visible
where the photograph is flat.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.losses.perceptual import LUMINANCE

# Side of the areas. In a multiple of 4, both periods are frequencies of the transform.
SIDE, STEP = 32, 16
# Greatest number of areas of an image.
MOST = 24
# An amplitude that is invisible in 8 bits. It is added to every frequency.
INVISIBLE = 0.1 / 255
# Distances of the neighbor frequencies; they are outside the main lobe of the window.
AWAY = (2, 3)
# Across, down and on both diagonals.
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
PERIODS = (2, 4)


def area_spread(image: Tensor) -> Tensor:
    """Return the standard deviation of the luminance in areas of 32×32, one every 16 pixels.

    Args:
        image: N×3×H×W in 0..1.

    Returns:
        N×h×w; h or w is 0 if a side is shorter than 32.
    """
    weights = torch.tensor(LUMINANCE, dtype=image.dtype, device=image.device)
    light = torch.einsum("nchw,c->nhw", image, weights)
    if min(light.shape[1:]) < SIDE:
        return light.new_zeros(len(light), 0, 0)
    return light.unfold(1, SIDE, STEP).unfold(2, SIDE, STEP).std((3, 4))


def spectral_peaks(areas: Tensor) -> Tensor:
    """Return the ratio of the energy at periods 2 and 4 to that at neighbor frequencies.

    The neighbors have the same direction, because a texture of that direction has energy there
    too. They get no gradient, so that training does not hide a grid by noise at their frequencies.

    Args:
        areas: …×A×C×32×32, A areas with C channels. They get a Hann window and are averaged.

    Returns:
        …×2×4: the ratio by period and by direction (across, down and both diagonals). Without a
        grid it is 1.
    """
    hann = torch.hann_window(SIDE, dtype=areas.dtype, device=areas.device)
    window = hann[:, None] * hann
    waves = torch.fft.fft2((areas - areas.mean((-2, -1), keepdim=True)) * window)
    energy = (2 / window.sum()) ** 2 * (waves.real**2 + waves.imag**2) + INVISIBLE**2
    # Divided by its geometric mean, so that all areas count equally.
    level = energy.log().mean((-2, -1), keepdim=True).exp().detach()
    energy = (energy / level).mean((-4, -3))
    by_period = [
        torch.stack([_ratio(energy, SIDE // period, *way) for way in DIRECTIONS], -1)
        for period in PERIODS
    ]
    return torch.stack(by_period, -2)


def grid_loss(image: Tensor, photograph: Tensor) -> Tensor:
    """Return how strongly periods 2 and 4 stand out in the spectrum of flat areas.

    This is the mean of the positive part of log `spectral_peaks` over periods and directions, in
    the 24 areas where the photograph is flattest.

    Args:
        image: N×3×H×W in 0..1.
        photograph: N×3×H×W in 0..1.

    Returns:
        N numbers, 0 or more. They are 0 for images smaller than an area.
    """
    spread = area_spread(photograph).flatten(1)
    if not spread.shape[1]:
        return image.new_zeros(len(image), dtype=torch.float32)
    flattest = spread.argsort(1)[:, :MOST]
    with torch.autocast(image.device.type, enabled=False):
        areas = image.float().unfold(2, SIDE, STEP).unfold(3, SIDE, STEP).flatten(2, 3)
        chosen = areas.take_along_dim(flattest[:, None, :, None, None], 2)
        return F.relu(spectral_peaks(chosen.transpose(1, 2)).log()).mean((1, 2))


def _ratio(energy: Tensor, frequency: int, down: int, across: int) -> Tensor:
    steps = [frequency + sign * away for away in AWAY for sign in (-1, 1)]
    beside = torch.stack([energy[..., down * s % SIDE, across * s % SIDE] for s in steps])
    # Spectra fall with a power of the frequency, so logarithms are averaged.
    expected = beside.log().mean(0).exp().detach()
    return energy[..., down * frequency % SIDE, across * frequency % SIDE] / expected
