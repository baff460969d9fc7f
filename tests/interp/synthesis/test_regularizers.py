"""Each prior, gradient shape and projection alone, against its formula."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from interp.synthesis import regularizers

ZERO = torch.tensor([0.2, 0.5, 0.7]).view(1, 3, 1, 1)


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def gradient() -> Tensor:
    return torch.randn(2, 3, 7, 9, generator=torch.Generator().manual_seed(1))


def test_norms(image: Tensor) -> None:
    expected = 3 * ((image - ZERO).double() ** 2).sum() / (7 * 9)
    assert regularizers.squared_norm(3, ZERO)(image).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
    sixth = 0.5 * ((image - 0.5).double() ** 6).sum() / (7 * 9)
    assert regularizers.alpha_norm(0.5, 6)(image).item() == pytest.approx(sixth.item(), rel=1e-5)


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.0])
def test_total_variation(image: Tensor, beta: float) -> None:
    expected = 0.0
    for planes in image.double().numpy():
        for plane in planes:
            for row in range(6):
                for column in range(8):
                    down = plane[row + 1, column] - plane[row, column]
                    across = plane[row, column + 1] - plane[row, column]
                    expected += (down**2 + across**2) ** (beta / 2) / (6 * 8)
    found = regularizers.total_variation(2.0, beta)(image).item()
    assert found == pytest.approx(2 * expected, rel=1e-5)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_total_variation_of_a_flat_image_has_a_gradient(beta: float) -> None:
    flat = torch.full((1, 3, 4, 4), 0.3, requires_grad=True)
    (found,) = torch.autograd.grad(regularizers.total_variation(1.0, beta)(flat), flat)
    assert (found == 0).all()


@pytest.mark.parametrize(
    "prior",
    [regularizers.squared_norm(1), regularizers.alpha_norm(1), regularizers.total_variation(1, 1)],
)
def test_images_of_a_batch_do_not_know_of_each_other(
    prior: regularizers.Prior, image: Tensor
) -> None:
    alone = sum(prior(one[None]).item() for one in image)
    assert prior(image).item() == pytest.approx(alone, rel=1e-5)


def test_normalized_gradient(gradient: Tensor) -> None:
    gradient[1] *= 1e-9
    found = regularizers.normalized(gradient, 0)
    torch.testing.assert_close(found.abs().mean((1, 2, 3)), torch.ones(2))
    torch.testing.assert_close(found[0], gradient[0] / gradient[0].abs().mean())
    assert (regularizers.normalized(torch.zeros(1, 3, 4, 4), 0) == 0).all()


def test_center_bias_is_a_gaussian_that_grows() -> None:
    shape = regularizers.center_bias(11, 0.1, 0.6)
    ones = torch.ones(1, 3, 9, 5)
    for step, spread in [(0, 0.1), (5, 0.35), (10, 0.6), (99, 0.6)]:
        found = shape(ones, step)
        assert found[0, 0, 4, 2] == 1
        corner = np.exp(-(0.5**2 + 0.5**2) / (2 * spread**2))
        torch.testing.assert_close(found[0, :, 0, 0], torch.full((3,), corner).float())
        edge = np.exp(-(0.25**2) / (2 * spread**2))
        torch.testing.assert_close(found[0, :, 4, 1], torch.full((3,), edge).float())


def test_decay(image: Tensor, gradient: Tensor) -> None:
    found = regularizers.decay(0.1, ZERO)(image, gradient, 0)
    torch.testing.assert_close(found, ZERO + 0.9 * (image - ZERO))


def test_within(image: Tensor, gradient: Tensor) -> None:
    found = regularizers.within(3 * image - 1, gradient, 0)
    assert torch.equal(found, (3 * image - 1).clamp(0, 1))


@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_blur_is_scipys(image: Tensor, sigma: float) -> None:
    expected = gaussian_filter(
        image.double().numpy(), (0, 0, sigma, sigma), mode="mirror", radius=int(np.ceil(4 * sigma))
    )
    torch.testing.assert_close(
        regularizers.blurred(image, sigma), torch.from_numpy(expected).float(), rtol=0, atol=1e-6
    )


def test_blur_of_an_image_smaller_than_its_kernel(image: Tensor) -> None:
    found = regularizers.blurred(image[..., :3, :5], 2.0)
    expected = gaussian_filter(
        image[..., :3, :5].double().numpy(), (0, 0, 2.0, 2.0), mode="mirror", radius=2
    )
    torch.testing.assert_close(found, torch.from_numpy(expected).float(), rtol=0, atol=1e-6)
    assert torch.equal(regularizers.blurred(image[..., :1, :], 2.0), image[..., :1, :])


def test_blur_every_few_steps_and_ever_less(image: Tensor, gradient: Tensor) -> None:
    project = regularizers.blur(1.0, 4)
    for step in range(8):
        expected = regularizers.blurred(image, 1.0) if step in (3, 7) else image
        assert torch.equal(project(image, gradient, step), expected)
    falling = regularizers.blur(2.0, end=0.0, steps=5)
    for step, sigma in [(0, 2.0), (1, 1.5), (4, 0.0), (9, 0.0)]:
        expected = regularizers.blurred(image, sigma)
        torch.testing.assert_close(falling(image, gradient, step), expected)


@pytest.mark.parametrize("kind", ["norm", "gradient", "contribution"])
def test_small_pixels_are_cleared(image: Tensor, gradient: Tensor, kind: str) -> None:
    project = {
        "norm": regularizers.clip_small_norm,
        "gradient": regularizers.clip_small_gradient,
        "contribution": regularizers.clip_small_contribution,
    }[kind](30, ZERO)
    found = project(image, gradient, 0)
    for pixels, slope, result in zip(image, gradient, found, strict=True):
        away = (pixels - ZERO[0]).numpy()
        sizes = {
            "norm": np.sqrt((away**2).sum(0)),
            "gradient": np.sqrt((slope.numpy() ** 2).sum(0)),
            "contribution": np.abs((away * slope.numpy()).sum(0)),
        }[kind]
        cleared = sizes < np.percentile(sizes, 30)
        assert 0 < cleared.sum() < cleared.size / 3
        expected = np.where(cleared, ZERO[0].numpy(), pixels.numpy())
        assert np.array_equal(result.numpy(), expected)
