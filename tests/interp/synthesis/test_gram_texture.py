"""Texture synthesis against its formula written out, sorted values and properties."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from interp.network import memory
from interp.synthesis.gram_texture import (
    match_histogram,
    synthesize_texture,
    texture_levels,
)
from interp.synthesis.loop import Outcome, Progress, adam, lbfgs
from interp.synthesis.pyramid import coarse_to_fine, level_scales, noise, out_of_range
from styletransfer.errors import RequestError, WorkError
from styletransfer.losses import LossNetwork

TAPS = ("relu1", "pool1", "fire3")


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    return LossNetwork("squeezenet1_1", TAPS, "random", pooling="average")


@pytest.fixture
def sample() -> Tensor:
    """Stripes of two colors, 40×48 pixels, and some noise."""
    stripes = (torch.arange(48) // 4 % 2).float().expand(40, 48)
    colors = torch.stack([0.8 * stripes, 0.3 + 0.2 * stripes, 0.9 - 0.7 * stripes])[None]
    return (colors + 0.1 * noise(40, 48, 1)).clamp(0, 1)


def error(network: LossNetwork, sample: Tensor, image: Tensor) -> float:
    """The relative error of the Gram matrices: the mean over taps and three scales, by hand."""
    errors = []
    for side in (1, 2, 4):
        wanted = network.unbounded(F.avg_pool2d(sample, side))
        seen = network.unbounded(F.avg_pool2d(image, side))
        for tap in TAPS:
            found, target = (
                torch.einsum("nihw,njhw->ij", x[tap], x[tap]) / x[tap][0, 0].numel()
                for x in (seen, wanted)
            )
            errors.append((found - target).square().sum() / target.square().sum())
    return torch.stack(errors).mean().item()


def test_loss_compares_gram_matrices_at_three_scales(network: LossNetwork, sample: Tensor) -> None:
    made = synthesize_texture(network, sample, 44, 52, taps=TAPS, levels=1, steps=1)
    assert made.history[0]["style"] == pytest.approx(
        error(network, sample, noise(76, 84, 0)), rel=1e-4
    )


def test_sample_of_another_size_compares(network: LossNetwork, sample: Tensor) -> None:
    # Repeated with a period of the stripes, the statistics differ at the borders alone.
    large, wide = sample.tile(1, 1, 4, 3), sample.tile(1, 1, 3, 5)
    assert error(network, large, wide) < 0.02
    assert error(network, large, noise(160, 144, 0)) > 0.1


@pytest.mark.parametrize("size", [(30, 40), (11, 7), (90, 61)])
def test_histogram_is_the_samples(size: tuple[int, int]) -> None:
    image, sample = noise(*size, 7) - 0.3, noise(30, 40, 3) ** 2
    matched = match_histogram(image, sample)
    for channel in range(3):
        values, got, wanted = (x[0, channel].flatten().numpy() for x in (image, matched, sample))
        ranks = (np.arange(values.size) + 0.5) / values.size
        quantiles = np.quantile(wanted, ranks, method="hazen")
        np.testing.assert_allclose(
            got[np.argsort(values, kind="stable")], quantiles, rtol=1e-6, atol=1e-7
        )
    if size == (30, 40):
        assert_close(matched.flatten(2).sort().values, sample.flatten(2).sort().values)


@pytest.mark.parametrize(("size", "levels"), [((40, 48), 1), ((70, 52), 2)])
def test_texture_from_noise(
    network: LossNetwork,
    sample: Tensor,
    size: tuple[int, int],
    levels: int,
) -> None:
    made = synthesize_texture(network, sample, *size, taps=TAPS, levels=levels, steps=25)
    assert made.picture.shape == (1, 3, *size)
    assert 0 <= made.picture.min() <= made.picture.max() <= 1
    start = error(network, sample, noise(*size, 0))
    assert made.history[-1]["style"] < start / 10
    assert len(made.losses) == 25 * levels
    assert_close(made.picture.mean((2, 3)), sample.mean((2, 3)), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("sides", "levels"), [((20, 90), 1), ((63, 63), 1), ((64, 90), 2), ((200, 128), 3)]
)
def test_levels_leave_the_sample_32_pixels(sides: tuple[int, int], levels: int) -> None:
    assert texture_levels(torch.zeros(1, 3, *sides), 400, 400) == levels
    assert texture_levels(torch.zeros(1, 3, *sides), 31, 400) == 1


def test_the_seed_decides(network: LossNetwork, sample: Tensor) -> None:
    first, again, other = (
        synthesize_texture(network, sample, 20, 24, taps=TAPS, steps=3, levels=1, seed=seed)
        for seed in (3, 3, 4)
    )
    assert torch.equal(first.picture, again.picture)
    assert first.losses == again.losses
    assert not torch.equal(first.picture, other.picture)


def test_average_pooling_has_other_statistics(network: LossNetwork, sample: Tensor) -> None:
    with_max = LossNetwork("squeezenet1_1", TAPS, "random")(sample)
    with_average = network(sample)
    assert torch.equal(with_max["relu1"], with_average["relu1"])
    pooled = F.avg_pool2d(with_max["relu1"], 3, 2, ceil_mode=True)
    assert_close(with_average["pool1"], pooled)


def target_at(size: tuple[int, int]) -> Callable[[float], Callable[[Tensor], dict[str, Tensor]]]:
    """Half gray, at each scale of `size`."""

    def objective_at(scale: float) -> Callable[[Tensor], dict[str, Tensor]]:
        def objective(image: Tensor) -> dict[str, Tensor]:
            assert image.shape[2:] == tuple(round(side * scale) for side in size)
            return {"distance": (image - 0.5).square().mean()}

        return objective

    return objective_at


def descend(levels: int, on_step: Callable[[Progress], None] | None = None) -> Outcome:
    return coarse_to_fine(
        noise(37, 50, 0),
        target_at((37, 50)),
        levels=levels,
        steps=4,
        optimizer=lbfgs(),
        range_weight=1.0,
        on_step=on_step,
    )


def test_each_level_goes_on_from_the_last() -> None:
    assert level_scales(3) == [0.25, 0.5, 1.0]
    seen: list[tuple[int, ...]] = []
    made = descend(3, lambda progress: seen.append(tuple(progress.picture.shape[2:])))
    assert seen == [(9, 12)] * 4 + [(18, 25)] * 4 + [(37, 50)] * 4
    assert made.picture.shape == (1, 3, 37, 50)
    # Noise is far from gray only where the work began.
    assert made.losses[0] > 1e-3 > 1e-6 > made.losses[4]


@pytest.mark.parametrize("last", [1, 4, 6])
def test_an_interrupt_leaves_what_there_is(last: int) -> None:
    done = 0

    def stop(progress: Progress) -> None:
        nonlocal done
        done += 1
        if done == last:
            raise KeyboardInterrupt

    made = descend(2, stop)
    assert made.interrupted
    assert len(made.losses) == last
    assert made.picture.shape[2:] == ((18, 25) if last <= 4 else (37, 50))


def test_out_of_range() -> None:
    image = torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5, 3.0]).reshape(1, 1, 2, 3)
    assert out_of_range(image).item() == pytest.approx((0.25 + 0.25 + 4) / 6)


def test_pixels_stay_in_range(network: LossNetwork, sample: Tensor) -> None:
    seen: list[Tensor] = []
    synthesize_texture(
        *(network, sample, 40, 48),
        taps=TAPS,
        levels=1,
        steps=30,
        on_step=lambda progress: seen.append(progress.picture),
    )
    assert (seen[-1] - seen[-1].clamp(0, 1)).abs().mean() < 0.005


@pytest.mark.parametrize(
    ("sides", "size", "levels", "said"),
    [
        ((12, 30), (40, 40), None, "the sample has 30×12 pixels; give one of at least 16×16"),
        ((40, 40), (40, 9), None, "the texture has 9×40 pixels"),
        ((40, 70), (90, 90), 3, "the sample, 70×40 pixels, is too small for 3 levels"),
        ((40, 70), (90, 90), 3, "give at most 2"),
    ],
)
def test_too_small(
    network: LossNetwork,
    sides: tuple[int, int],
    size: tuple[int, int],
    levels: int | None,
    said: str,
) -> None:
    with pytest.raises(RequestError, match=said):
        synthesize_texture(network, noise(*sides, 0), *size, taps=TAPS, levels=levels)


def test_deep_taps_read_a_small_sample(sample: Tensor) -> None:
    deep = LossNetwork("squeezenet1_0", ("fire9",), "random")
    made = synthesize_texture(deep, sample, 90, 90, taps=("fire9",), levels=2, steps=1)
    assert made.picture.shape == (1, 3, 90, 90)


def test_too_large(network: LossNetwork, sample: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    with pytest.raises(RequestError, match=r"8032×8032 pixels needs .* that fits is \d+×"):
        synthesize_texture(network, sample, 8000, 8000, taps=TAPS, levels=1)


def test_a_loss_that_is_not_finite(network: LossNetwork, sample: Tensor) -> None:
    with pytest.raises(WorkError, match=r"the term .* is (nan|inf)"):
        synthesize_texture(
            network, sample, 40, 48, taps=TAPS, levels=1, steps=9, optimizer=adam(1e30)
        )
