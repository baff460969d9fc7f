"""Occlusion against Captum and a loop."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from interp.saliency.covering import occlusion, windows
from interp.saliency.targets import class_probability, class_score
from styletransfer.errors import RequestError, WorkError
from tests.interp.saliency.conftest import Plain


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (5, 3), (12, 5)])
def test_occlusion_equals_captums(plain: Plain, images: Tensor, window: int, stride: int) -> None:
    attr = pytest.importorskip("captum.attr")
    theirs = attr.Occlusion(plain).attribute(
        images, (3, window, window), (3, stride, stride), baselines=0.5, target=0
    )
    ours = occlusion(plain, images, class_score(0), window=window, stride=stride, batch=7)
    torch.testing.assert_close(ours, theirs[:, 0].to(ours), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("baseline", ["gray", "zero", torch.rand(3, 12, 14)])
def test_occlusion_equals_a_loop(plain: Plain, images: Tensor, baseline: str | Tensor) -> None:
    image, target = images[:1], class_probability(3)
    color = {"gray": 0.5, "zero": 0.0}.get(baseline, 0) if isinstance(baseline, str) else baseline
    total, count = np.zeros((12, 14)), np.zeros((12, 14))
    whole = plain(image).softmax(1)[0, 3].item()
    for top in (0, 3, 6, 9):
        for left in (0, 3, 6, 9):
            inside = torch.zeros(12, 14, dtype=torch.bool)
            inside[top : top + 5, left : left + 5] = True
            fall = whole - float(plain(torch.where(inside, color, image)).softmax(1)[0, 3])
            total[inside] += fall
            count[inside] += 1
    ours = occlusion(plain, image, target, window=5, stride=3, baseline=baseline)[0]
    np.testing.assert_allclose(ours, total / count, rtol=1e-4, atol=1e-7)


def test_a_blur_that_covers_a_flat_image_changes_nothing(plain: Plain) -> None:
    flat = torch.full((1, 3, 12, 14), 0.3)
    fall = occlusion(plain, flat, class_score(0), window=5, stride=3, baseline="blur")
    assert fall.abs().max() < 1e-6


def test_the_batch_is_halved_when_memory_runs_out(plain: Plain, images: Tensor) -> None:
    most = 3

    def tight(model: nn.Module, x: Tensor) -> Tensor:
        if len(x) > most:
            raise torch.OutOfMemoryError("no memory")
        return class_score(0)(model, x)

    done: list[int] = []
    ours = occlusion(plain, images, tight, window=4, stride=2, batch=16, done=done.append)
    torch.testing.assert_close(
        ours, occlusion(plain, images, class_score(0), window=4, stride=2, batch=1)
    )
    assert max(done) == 2
    assert sum(done) == 2 * len(windows(12, 14, 4, 2))
    most = 0
    with pytest.raises(torch.OutOfMemoryError):
        occlusion(plain, images, tight)

    def only_one(model: nn.Module, x: Tensor) -> Tensor:
        if (x == 0.5).any():
            raise error
        return class_score(0)(model, x)

    error: Exception = torch.OutOfMemoryError("no memory")
    with pytest.raises(WorkError, match="not enough memory for one image"):
        occlusion(plain, images, only_one)
    # What has another cause is no matter of memory, and keeps its own words.
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory")
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        occlusion(plain, images, only_one)


def test_windows_cover_all_and_stay_inside() -> None:
    for size in range(1, 12):
        for window in range(1, 8):
            for stride in range(1, window + 1):
                seen = {p for _, a, _, b in windows(1, size, window, stride) for p in range(a, b)}
                assert seen == set(range(size))
    with pytest.raises(RequestError, match="stride of 5 does not fit"):
        windows(9, 9, 4, 5)
