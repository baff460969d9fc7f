"""Padding against torch's own, and reflection against walking along a mirrored image."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from styletransfer.networks.padding import odd_reflect_pad, reflect_pad


def numbered(height: int, width: int) -> Tensor:
    """An image in which every number is another."""
    return torch.arange(2.0 * 3 * height * width).reshape(2, 3, height, width)


def walk(position: int, size: int) -> int:
    """The pixel under `position` of an endlessly mirrored row of `size`: step by step from 0."""
    if size == 1:
        return 0
    here, step = 0, 1
    for _ in range(abs(position)):
        if not 0 <= here + step < size:
            step = -step
        here += step
    return here


@pytest.mark.parametrize("before, after", [(0, 0), (1, 0), (0, 4), (3, 2), (4, 4)])
def test_equals_torch_where_torch_can(before: int, after: int) -> None:
    image = numbered(5, 9)
    expected = F.pad(image, (before, after, before, after), mode="reflect")
    assert torch.equal(reflect_pad(image, before, after), expected)


@pytest.mark.parametrize("height, width", [(1, 1), (1, 2), (2, 1), (3, 1), (2, 3), (3, 7)])
@pytest.mark.parametrize("before, after", [(0, 1), (1, 2), (5, 0), (40, 43)])
def test_equals_a_mirrored_walk(height: int, width: int, before: int, after: int) -> None:
    image = numbered(height, width)
    rows = [walk(y, height) for y in range(-before, height + after)]
    columns = [walk(x, width) for x in range(-before, width + after)]
    assert torch.equal(reflect_pad(image, before, after), image[:, :, rows][:, :, :, columns])


def test_gradient_counts_the_copies_of_a_pixel() -> None:
    image = torch.rand(1, 1, 1, 3, requires_grad=True)
    # -2 -1 0 1 2 3 4 of three pixels is 2 1 0 1 2 1 0, in each of three copies of the one row.
    reflect_pad(image, 2, 2)[:, :, :3].sum().backward()
    assert_close(image.grad, torch.tensor([[[[6.0, 9.0, 6.0]]]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_keeps_the_precision(dtype: torch.dtype) -> None:
    assert reflect_pad(torch.rand(1, 3, 2, 2, dtype=dtype), 3, 3).dtype == dtype


@pytest.mark.parametrize("before, after", [(0, 0), (1, 0), (0, 4), (3, 2), (4, 4)])
def test_odd_reflection_equals_numpy_where_nothing_is_cut(before: int, after: int) -> None:
    image = 0.4 + 0.05 * torch.rand(2, 3, 5, 9)
    widths = ((0, 0), (0, 0), (before, after), (before, after))
    expected = np.pad(image.numpy(), widths, mode="reflect", reflect_type="odd")
    assert_close(odd_reflect_pad(image, before, after), torch.from_numpy(expected))


@pytest.mark.parametrize("height, width", [(1, 1), (1, 2), (2, 1), (2, 3), (3, 7)])
def test_odd_reflection_goes_on_for_ever_and_stays_in_range(height: int, width: int) -> None:
    image = torch.rand(1, 2, height, width)
    padded = odd_reflect_pad(image, 40, 43)
    assert padded.shape[2:] == (height + 83, width + 83)
    assert torch.equal(padded[:, :, 40 : 40 + height, 40 : 40 + width], image)
    assert padded.min() >= 0 and padded.max() <= 1
    mirrored = reflect_pad(image, 40, 43)[:, :, 40 : 40 + height]
    left = (2 * image[..., :1] - mirrored[..., :40]).clamp(0, 1)
    assert_close(padded[:, :, 40 : 40 + height, :40], left)


def test_a_slope_goes_on_and_a_flat_image_stays_flat() -> None:
    slope = torch.linspace(0.4, 0.6, 9).expand(1, 3, 9, 9)
    assert_close(odd_reflect_pad(slope, 4, 4)[0, 0, 0], torch.linspace(0.3, 0.7, 17))
    flat = torch.full((1, 3, 4, 5), 0.7)
    assert_close(odd_reflect_pad(flat, 9, 12), torch.full((1, 3, 25, 26), 0.7))
