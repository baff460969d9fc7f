"""The frame loss: numpy as the oracle, and planted frames."""

import numpy as np
import pytest
import torch
from torch import Tensor

from styletransfer.losses import frame_loss
from styletransfer.losses.frame import DARK


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (0.5 + 0.1 * torch.randn(*shape, generator=generator)).clamp(0, 1)


def framed(image: Tensor, factor: float) -> Tensor:
    """`image` with `factor` times the contrast in its outer 8 pixels."""
    result = 0.5 + factor * (image - 0.5)
    result[..., 8:-8, 8:-8] = image[..., 8:-8, 8:-8]
    return result


def expected_contrast(image: Tensor) -> list[float]:
    light = np.tensordot([0.2126, 0.7152, 0.0722], image.double().numpy(), 1)
    inside = np.pad(np.ones((light.shape[0] - 16, light.shape[1] - 16), bool), 8)
    core = np.pad(np.ones((light.shape[0] - 64, light.shape[1] - 64), bool), 32)
    outer, inner = light[~inside], light[inside & ~core]
    return [
        (a - b) / (a + b + 2 * DARK)
        for a, b in ((outer.mean(), inner.mean()), (outer.std(ddof=1), inner.std(ddof=1)))
    ]


@pytest.mark.parametrize("size", [(65, 65), (70, 120), (200, 90)])
def test_it_is_numpys(size: tuple[int, int]) -> None:
    images, photographs = noise(2, 3, *size), noise(2, 3, *size, seed=1)
    images[1, :, :, :8] += 0.2
    for i, found in enumerate(frame_loss(images, photographs)):
        ours, theirs = expected_contrast(images[i]), expected_contrast(photographs[i])
        expected = sum((a - b) ** 2 for a, b in zip(ours, theirs, strict=True))
        assert found.item() == pytest.approx(expected, rel=1e-3, abs=1e-8)


def test_a_frame_counts_and_one_that_the_photograph_has_does_not() -> None:
    plain = noise(1, 3, 128, 128)
    image = framed(plain, 1.5)
    assert frame_loss(image, plain) > 100 * frame_loss(plain, noise(1, 3, 128, 128, seed=1))
    assert frame_loss(image, image) == 0
    assert frame_loss(framed(plain, 1.2), plain) < frame_loss(image, plain)


def test_its_gradient_takes_a_frame_away() -> None:
    photograph = noise(1, 3, 96, 96)
    factor = torch.tensor(1.4, requires_grad=True)
    optimizer = torch.optim.SGD([factor], 2.0)
    for _ in range(60):
        optimizer.zero_grad()
        frame_loss(framed(photograph, factor), photograph).sum().backward()
        optimizer.step()
    assert factor.item() == pytest.approx(1, abs=0.02)


def test_a_flat_image_and_one_without_room_have_none_and_a_finite_gradient() -> None:
    for size in (80, 64):
        image = torch.full((2, 3, size, size), 0.5, requires_grad=True)
        value = frame_loss(image, image.detach())
        torch.testing.assert_close(value, torch.zeros(2))
        if value.requires_grad:
            value.sum().backward()
            assert image.grad is not None and image.grad.isfinite().all()
