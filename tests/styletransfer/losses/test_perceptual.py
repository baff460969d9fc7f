"""The losses against the same formulas in NumPy, in float64 and by hand."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.testing import assert_close

from styletransfer.losses import (
    content_loss,
    gram_matrix,
    style_loss,
    tone_loss,
    total_variation,
)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def double(x: Tensor) -> NDArray[np.float64]:
    return x.detach().numpy().astype(np.float64)


def grams(features: NDArray[np.float64]) -> NDArray[np.float64]:
    matrices: NDArray[np.float64] = np.einsum("nahw,nbhw->nab", features, features)
    return matrices / np.prod(features.shape[2:])


def relative(value: NDArray[np.float64], target: NDArray[np.float64]) -> list[float]:
    return [float(((v - t) ** 2).sum() / (t**2).sum()) for v, t in zip(value, target, strict=True)]


# Gram matrices


def test_gram_matrix_is_the_formula() -> None:
    features = uniform(3, 5, 4, 7) - 0.3
    assert_close(double(gram_matrix(features)), grams(double(features)), atol=1e-6, rtol=1e-5)


def test_gram_matrix_of_a_view_in_memory_order() -> None:
    features = uniform(2, 5, 6, 7).to(memory_format=torch.channels_last)
    assert_close(gram_matrix(features), gram_matrix(features.contiguous()))


def test_gram_matrix_does_not_depend_on_the_size() -> None:
    features = uniform(1, 4, 6, 5)
    assert_close(gram_matrix(features.repeat(1, 1, 2, 3)), gram_matrix(features))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gram_matrix_of_half_precision_does_not_overflow(dtype: torch.dtype) -> None:
    # 300² is beyond float16, and so is its sum over 64×64.
    gram = gram_matrix(torch.full((1, 3, 64, 64), 300.0, dtype=dtype))
    assert gram.dtype == torch.float32
    assert_close(gram, torch.full((1, 3, 3), 90_000.0))


def test_gram_matrix_is_float32_under_autocast() -> None:
    features = uniform(2, 16, 12, 12)
    with torch.autocast("cpu", torch.bfloat16):
        gram = gram_matrix(features)
    assert gram.dtype == torch.float32
    assert torch.equal(gram, gram_matrix(features))


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_gradient_of_a_gram_matrix_is_that_of_the_formula(order: torch.memory_format) -> None:
    features = (uniform(2, 5, 6, 7) - 0.3).to(memory_format=order).requires_grad_()
    above = uniform(2, 5, 5, seed=1)  # not symmetric
    (mine,) = torch.autograd.grad(gram_matrix(features), features, above)
    formula = torch.einsum("nahw,nbhw->nab", features, features) / (6 * 7)
    (theirs,) = torch.autograd.grad(formula, features, above)
    assert_close(mine, theirs)


@pytest.mark.parametrize("dtype, rtol", [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_gradient_of_half_precision_does_not_vanish(dtype: torch.dtype, rtol: float) -> None:
    # As small a gradient as loss networks get; 1e-5/64² is below what float16 can tell from 0.
    features = (1000 * uniform(1, 3, 64, 64)).to(dtype).requires_grad_()
    above = torch.full((1, 3, 3), 1e-5)
    (mine,) = torch.autograd.grad(gram_matrix(features), features, above)
    assert mine.dtype == dtype
    exact = features.detach().double().sum(1, keepdim=True).expand(-1, 3, -1, -1) * 2e-5 / 64**2
    assert_close(mine.double(), exact, atol=6e-8, rtol=rtol)


# Content and style


def test_content_loss_is_the_formula() -> None:
    features, target = 2 * uniform(3, 4, 5, 6) - 1, uniform(3, 4, 5, 6, seed=1)
    expected = torch.tensor(relative(double(features), double(target)))
    assert_close(content_loss(features, target), expected)


def test_content_loss_by_hand() -> None:
    target = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1).repeat(3, 1, 1, 1)
    factor = torch.tensor([1.0, 0.0, 3.0]).reshape(3, 1, 1, 1)
    assert content_loss(factor * target, target).tolist() == [0, 1, 4]


def test_content_loss_of_half_precision_does_not_overflow() -> None:
    target = torch.full((1, 3, 64, 64), 300.0, dtype=torch.float16)
    loss = content_loss(2 * target, target)
    assert (loss.dtype, loss.tolist()) == (torch.float32, [1.0])


def test_content_loss_of_nothing_is_finite() -> None:
    nothing = torch.zeros(1, 2, 3, 3)
    assert content_loss(nothing, nothing).tolist() == [0]
    assert content_loss(nothing + 1, nothing).isfinite().all()


def test_style_loss_is_the_mean_of_the_taps() -> None:
    shapes = {"relu1_1": (2, 3, 8, 8), "relu2_1": (2, 6, 4, 4), "relu3_1": (2, 5, 2, 3)}
    mine = {tap: uniform(*shape) for tap, shape in shapes.items()}
    theirs = {tap: uniform(*shape, seed=1) for tap, shape in shapes.items()}
    expected = np.mean(
        [relative(grams(double(mine[t])), grams(double(theirs[t]))) for t in shapes], axis=0
    )
    loss = style_loss(
        {tap: gram_matrix(f) for tap, f in mine.items()},
        {tap: gram_matrix(f) for tap, f in theirs.items()},
    )
    assert loss.shape == (2,)
    assert_close(double(loss), expected, atol=0, rtol=1e-4)


def test_style_loss_counts_the_taps_of_the_targets_only() -> None:
    one, other = torch.eye(2)[None], torch.ones(1, 2, 2)
    counted = style_loss({"a": 3 * one, "b": other}, {"a": one})
    assert counted.tolist() == [4]
    # ‖1 − I‖² = 2 over ‖I‖² = 2, and the two taps' mean.
    assert style_loss({"a": 3 * one, "b": other}, {"b": one, "a": one}).tolist() == [2.5]


# Total variation


def test_total_variation_is_the_formula() -> None:
    image = uniform(2, 3, 5, 8)
    pixels = double(image)
    down, across = np.abs(np.diff(pixels, axis=2)), np.abs(np.diff(pixels, axis=3))
    expected = down.mean((1, 2, 3)) + across.mean((1, 2, 3))
    assert_close(double(total_variation(image)), expected, atol=0, rtol=1e-5)


def test_total_variation_by_hand() -> None:
    y, x = torch.meshgrid(torch.arange(6), torch.arange(9), indexing="ij")
    for pixels, expected in [((x + y) % 2, 2), (x % 2, 1), (y % 2, 1), (0 * x, 0), (x / 4, 0.25)]:
        image = pixels.float().expand(1, 3, 6, 9)
        assert total_variation(image).tolist() == [expected]


def test_total_variation_of_a_line_and_a_pixel() -> None:
    line = torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(2, 3, 1, 4)
    assert total_variation(line).tolist() == [1, 1]
    assert total_variation(line.mT).tolist() == [1, 1]
    assert total_variation(torch.rand(1, 3, 1, 1)).tolist() == [0]


# Tones


def tones(image: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The mean luminance of each window of one image 3×H×W."""
    luminance = np.tensordot([0.2126, 0.7152, 0.0722], image, 1)
    windows = np.lib.stride_tricks.sliding_window_view(luminance, (window, window))
    means: NDArray[np.float64] = windows.mean((2, 3))[:: window // 4, :: window // 4]
    return means.ravel()


@pytest.mark.parametrize("window", [8, 32])
def test_tone_loss_is_one_less_the_correlation(window: int) -> None:
    image, target = uniform(3, 3, 64, 75), uniform(3, 3, 64, 75, seed=1)
    target = 0.5 * (target + image)
    expected = [
        1 - np.corrcoef(tones(a, window), tones(b, window))[0, 1]
        for a, b in zip(double(image), double(target), strict=True)
    ]
    assert_close(
        tone_loss(image, target, window), torch.tensor(expected).float(), rtol=0, atol=1e-4
    )


def test_tone_loss_of_another_brightness_contrast_and_color_is_none() -> None:
    picture = uniform(1, 3, 80, 80)
    assert_close(tone_loss(0.3 * picture + 0.4, picture), torch.zeros(1), atol=1e-5, rtol=0)
    # Any color of the same luminance.
    gray = (picture * torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    assert_close(tone_loss(gray.expand(1, 3, 80, 80), picture), torch.zeros(1), atol=1e-5, rtol=0)


def test_tone_loss_of_the_negative_is_two() -> None:
    picture = uniform(2, 3, 80, 96)
    assert_close(tone_loss(1 - picture, picture), torch.full((2,), 2.0), atol=1e-5, rtol=0)


def test_tone_loss_leaves_what_is_finer_than_the_window() -> None:
    # Brushwork: a checkerboard in one picture, its negative in the other, over one slope.
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    board, slope = ((x + y) % 2).expand(1, 3, 128, 128), (x / 256).expand(1, 3, 128, 128)
    loss = tone_loss(slope + 0.5 * board, slope + 0.5 * (1 - board), window=16)
    assert_close(loss, torch.zeros(1), atol=1e-5, rtol=0)


def test_tone_loss_of_a_flat_target_is_one() -> None:
    flat = torch.full((1, 3, 64, 64), 0.7)
    assert_close(tone_loss(uniform(1, 3, 64, 64), flat), torch.ones(1), atol=1e-2, rtol=0)
    assert_close(tone_loss(flat, uniform(1, 3, 64, 64)), torch.ones(1), atol=1e-2, rtol=0)


@pytest.mark.parametrize("side", [1, 3, 20, 64])
@pytest.mark.parametrize("flat_image", [False, True])
@pytest.mark.parametrize("flat_target", [False, True])
def test_tone_loss_has_finite_gradients(side: int, flat_image: bool, flat_target: bool) -> None:
    flat, picture = torch.full((1, 3, side, side), 0.5), uniform(1, 3, side, side)
    image = (flat if flat_image else picture).clone().requires_grad_()
    loss = tone_loss(image, flat if flat_target else picture.flip(3))
    assert loss.isfinite().all()
    loss.sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()


def test_tone_loss_pulls_towards_the_tones() -> None:
    image, target = uniform(1, 3, 64, 64).requires_grad_(), uniform(1, 3, 64, 64, seed=1)
    (gradient,) = torch.autograd.grad(tone_loss(image, target).sum(), image)
    with torch.no_grad():
        step = 0.1 * gradient / gradient.abs().max()
        assert tone_loss(image - step, target) < tone_loss(image, target) - 0.01


def test_every_loss_is_one_number_a_sample() -> None:
    """And a sample's number does not depend on the others of its batch."""
    image, target = uniform(3, 3, 64, 64), uniform(3, 3, 64, 64, seed=1)

    def each(x: Tensor, y: Tensor) -> list[Tensor]:
        style = style_loss({"a": gram_matrix(x)}, {"a": gram_matrix(y)})
        return [content_loss(x, y), style, tone_loss(x, y), total_variation(x)]

    alone = [each(image[i : i + 1], target[i : i + 1]) for i in range(3)]
    for together, *parts in zip(each(image, target), *alone, strict=True):
        assert together.shape == (3,)
        assert_close(together, torch.cat(parts))
        assert len(set(together.tolist())) == 3
