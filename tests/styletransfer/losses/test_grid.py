"""The grid loss: numpy's transform as the oracle, and planted grids.

What `spectral_peaks` sees in photographs is tested with `styletransfer.evaluation.measures`.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from styletransfer.losses import grid_loss
from styletransfer.losses.grid import INVISIBLE, MOST, SIDE, area_spread, spectral_peaks


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def wave(period: int, size: int) -> Tensor:
    """Columns that alternate, of mean 0: 3×size×size."""
    return torch.cos(2 * torch.pi / period * (torch.arange(size) % period)).expand(3, size, size)


def test_spectral_peaks_are_those_of_numpys_transform() -> None:
    areas = noise(2, 5, 3, SIDE, SIDE).double()
    window = np.outer(*[np.hanning(SIDE + 1)[:-1]] * 2)
    for sample, found in zip(areas.numpy(), spectral_peaks(areas), strict=True):
        total = np.zeros((SIDE, SIDE))
        for area in sample.reshape(-1, SIDE, SIDE):
            amplitude = 2 * np.abs(np.fft.fft2((area - area.mean()) * window)) / window.sum()
            energy = amplitude**2 + INVISIBLE**2
            total += energy / np.exp(np.log(energy).mean())
        for row, frequency in enumerate((16, 8)):
            for column, (down, across) in enumerate(((0, 1), (1, 0), (1, 1), (1, -1))):
                at = [total[down * f % SIDE, across * f % SIDE] for f in range(SIDE)]
                beside = [at[(frequency + away) % SIDE] for away in (-3, -2, 2, 3)]
                expected = at[frequency] / np.exp(np.mean(np.log(beside)))
                assert found[row, column].item() == pytest.approx(expected)


def test_area_spread_is_that_of_the_luminance() -> None:
    image = torch.rand(2, 3, 70, 50)
    spread = area_spread(image)
    assert spread.shape == (2, 3, 2)
    light = torch.einsum("nchw,c->nhw", image, torch.tensor([0.2126, 0.7152, 0.0722]))
    torch.testing.assert_close(spread[1, 2, 1], light[1, 32:64, 16:48].std())


@pytest.mark.parametrize("period", [2, 4])
def test_a_grid_where_the_photograph_is_flat_counts(period: int) -> None:
    photograph = 0.5 + 0.1 * noise(1, 3, 224, 224)
    photograph[..., :96, :] = 0.5
    base = 0.5 + 0.02 * noise(1, 3, 224, 224, seed=1)
    sky, ground = base.clone(), base.clone()
    sky[..., :96, :] += 0.02 * wave(period, 224)[:, :96]
    ground[..., 128:, :] += 0.02 * wave(period, 224)[:, 128:]
    plain = grid_loss(base, photograph)
    assert grid_loss(sky, photograph) > plain + 0.2
    torch.testing.assert_close(grid_loss(ground, photograph), plain)


def test_each_sample_has_areas_of_its_own() -> None:
    photographs = 0.5 + 0.1 * noise(2, 3, 128, 160)
    images = torch.rand(2, 3, 128, 160)
    each = [grid_loss(images[i : i + 1], photographs[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(grid_loss(images, photographs), torch.cat(each))
    assert area_spread(photographs)[0].numel() > MOST


@pytest.mark.parametrize("period", [3, 5, 8])
def test_other_periods_are_no_grid(period: int) -> None:
    image = 0.5 + 0.002 * noise(1, 3, 224, 224) + 0.02 * wave(period, 224)
    assert grid_loss(image, torch.full_like(image, 0.5)) < 0.3


def test_its_gradient_takes_a_grid_away_and_adds_nothing_beside_it() -> None:
    photograph = torch.full((1, 3, 96, 96), 0.5)
    image = photograph + 0.02 * noise(1, 3, 96, 96) + 0.02 * wave(4, 96)
    before, start = grid_loss(image, photograph).item(), image.std()
    for _ in range(40):
        image.requires_grad_()
        (gradient,) = torch.autograd.grad(grid_loss(image, photograph).sum(), image)
        image = (image - 2e-3 * gradient / gradient.abs().max().clamp(min=1e-9)).detach()
    assert grid_loss(image, photograph) < 0.5 * before
    assert image.std() < start


def test_a_flat_image_and_one_without_room_have_none_and_a_finite_gradient() -> None:
    for size in (64, 20):
        image = torch.full((2, 3, size, size), 0.5, requires_grad=True)
        value = grid_loss(image, image.detach())
        torch.testing.assert_close(value, torch.zeros(2), atol=1e-6, rtol=0)
        if value.requires_grad:
            value.sum().backward()
            assert image.grad is not None and image.grad.isfinite().all()
