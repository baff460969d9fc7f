"""The loop against optimization by hand, and its promises; what the canvases hold."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from interp.synthesis.canvas import FourierCanvas, PhaseCanvas, PixelCanvas
from interp.synthesis.loop import Progress, adam, descent, lbfgs, optimize_image
from interp.synthesis.regularizers import normalized
from interp.synthesis.transforms import jitter
from styletransfer.errors import WorkError


@pytest.fixture
def image() -> Tensor:
    return torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def wanted() -> Tensor:
    return torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(1))


def towards(wanted: Tensor) -> Callable[[Tensor], dict[str, Tensor]]:
    return lambda image: {"distance": (image - wanted).square().sum()}


def test_descent_by_hand(image: Tensor, wanted: Tensor) -> None:
    outcome = optimize_image(
        PixelCanvas(image),
        towards(wanted),
        steps=3,
        optimizer=descent(0.1),
        priors={"size": lambda x: x.square().sum()},
        schedule=lambda step: 1 / (step + 1),
        projections=[lambda pixels, gradient, step: pixels.clamp(max=0.9 - 0.1 * step)],
    )
    pixels = image.clone()
    for step in range(3):
        terms = outcome.history[step]
        assert terms["distance"] == pytest.approx((pixels - wanted).square().sum().item())
        assert terms["size"] == pytest.approx(pixels.square().sum().item())
        assert outcome.losses[step] == pytest.approx(terms["distance"] + terms["size"])
        pixels = pixels - 0.1 / (step + 1) * (2 * (pixels - wanted) + 2 * pixels)
        pixels = pixels.clamp(max=0.9 - 0.1 * step)
    torch.testing.assert_close(outcome.picture, pixels)


def test_the_mean_change_is_the_step(image: Tensor, wanted: Tensor) -> None:
    pictures = [image]
    optimize_image(
        PixelCanvas(image),
        towards(wanted),
        steps=4,
        optimizer=descent(0.02),
        shapes=[normalized],
        on_step=lambda progress: pictures.append(progress.picture),
    )
    for before, after in pairwise(pictures):
        assert (after - before).abs().mean().item() == pytest.approx(0.02, rel=1e-4)


def test_lbfgs_finds_the_least_and_does_not_compute_twice(image: Tensor, wanted: Tensor) -> None:
    calls = 0
    weights = torch.linspace(1, 50, image.numel()).view(image.shape)

    def objective(x: Tensor) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        return {"distance": (weights * (x - wanted).square()).sum()}

    outcome = optimize_image(PixelCanvas(image), objective, steps=40, optimizer=lbfgs())
    torch.testing.assert_close(outcome.picture, wanted, rtol=0, atol=1e-3)
    assert all(b <= a for a, b in pairwise(outcome.losses))
    assert calls < 2 * len(outcome.history)


@pytest.mark.parametrize("optimizer", [adam(0.01), descent(0.01), lbfgs()])
def test_a_seed_repeats(
    image: Tensor,
    wanted: Tensor,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
) -> None:
    def run(seed: int) -> Tensor:
        return optimize_image(
            PixelCanvas(image),
            towards(wanted),
            steps=5,
            optimizer=optimizer,
            transforms=lambda step: [jitter(2)],
            seed=seed,
        ).picture

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


def test_each_step_has_transforms_of_its_own(image: Tensor) -> None:
    seen = []

    def objective(x: Tensor) -> dict[str, Tensor]:
        seen.append(x.detach().clone())
        return {"nothing": 0 * x.sum()}

    optimize_image(
        PixelCanvas(image),
        objective,
        steps=6,
        optimizer=descent(1),
        transforms=lambda step: [jitter(2)] * step,
    )
    assert len(seen) == 6
    assert torch.equal(seen[0], image)
    assert len({tuple(other.flatten().tolist()) for other in seen[1:]}) > 3


def test_progress(image: Tensor, wanted: Tensor) -> None:
    heard: list[Progress] = []
    outcome = optimize_image(
        PixelCanvas(image), towards(wanted), steps=3, optimizer=adam(0.1), on_step=heard.append
    )
    assert [(progress.step, progress.steps) for progress in heard] == [(1, 3), (2, 3), (3, 3)]
    assert [progress.terms for progress in heard] == outcome.history
    assert torch.equal(heard[-1].picture, outcome.picture)
    assert not torch.equal(heard[0].picture, heard[1].picture)
    assert not outcome.interrupted


@pytest.mark.parametrize("steps", [0, 2])
def test_an_interrupt_keeps_the_last_whole_step(image: Tensor, wanted: Tensor, steps: int) -> None:
    pictures = [image]

    def objective(x: Tensor) -> dict[str, Tensor]:
        if len(pictures) > steps:
            raise KeyboardInterrupt
        return towards(wanted)(x)

    outcome = optimize_image(
        PixelCanvas(image),
        objective,
        steps=9,
        optimizer=adam(0.1),
        on_step=lambda progress: pictures.append(progress.picture),
    )
    assert outcome.interrupted
    assert len(outcome.history) == steps
    assert torch.equal(outcome.picture, pictures[-1])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_term_that_is_not_finite_is_named(image: Tensor, wanted: Tensor, value: float) -> None:
    def prior(x: Tensor) -> Tensor:
        return x.sum() * (value if x.mean() > image.mean() + 0.05 else 0.0)

    with pytest.raises(WorkError, match=r"^step 3: the term oddness is -?(nan|inf); take smaller"):
        optimize_image(
            PixelCanvas(image),
            lambda x: {"brightness": -x.mean()},
            steps=9,
            optimizer=adam(0.03),
            priors={"oddness": prior},
        )


def test_only_pixels_are_shaped_and_projected(wanted: Tensor) -> None:
    with pytest.raises(ValueError, match="PixelCanvas"):
        optimize_image(
            FourierCanvas(1, 6, 5),
            towards(wanted),
            steps=1,
            optimizer=adam(1),
            shapes=[normalized],
        )


def test_a_canvas_leaves_its_start_alone(image: Tensor, wanted: Tensor) -> None:
    before = image.clone()
    optimize_image(PixelCanvas(image), towards(wanted), steps=2, optimizer=descent(0.1))
    assert torch.equal(image, before)


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (9, 5)])
def test_fourier_canvas_is_its_formula(size: tuple[int, int]) -> None:
    height, width = size
    canvas = FourierCanvas(2, height, width, seed=3, spread=1.0)
    coefficients = canvas.spectrum.detach().double().numpy()
    down = np.fft.fftfreq(height)[:, None]
    across = np.fft.rfftfreq(width)[None]
    frequency = np.maximum(np.hypot(down, across), 1 / max(height, width))
    values = (coefficients[..., 0] + 1j * coefficients[..., 1]) / frequency
    values *= np.sqrt(height * width)
    planes = np.fft.irfft2(values, s=size) / 4
    colors = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    colors /= np.linalg.norm(colors, axis=0).max()
    expected = 1 / (1 + np.exp(-np.einsum("oc,nchw->nohw", colors, planes)))
    np.testing.assert_allclose(canvas.picture().detach().numpy(), expected, rtol=0, atol=1e-5)


def test_fourier_canvas_starts_gray_or_from_an_image(image: Tensor) -> None:
    gray = FourierCanvas(2, 16, 16, seed=1).picture()
    assert gray.shape == (2, 3, 16, 16)
    assert (gray - 0.5).abs().max() < 0.05
    assert not torch.equal(gray[0], gray[1])
    assert torch.equal(gray, FourierCanvas(2, 16, 16, seed=1).picture())
    exact = FourierCanvas(1, 6, 5, spread=0, start=image).picture()
    torch.testing.assert_close(exact, image.clamp(1 / 255, 254 / 255), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (15, 20)])
def test_phases_alone_change(size: tuple[int, int]) -> None:
    """Whatever the phases are, every frequency of a decorrelated color has the size 1/f."""
    canvas = PhaseCanvas(torch.full((2, 3, *size), 0.5), seed=3)
    colors = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    colors /= np.linalg.norm(colors, axis=0).max()
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])[None])
    # Without the mean, and the columns and rows of which a real image leaves no phase free.
    free = np.ones(size, bool)
    free[0, 0] = free[:, 0] = free[:, size[1] // 2] = free[size[0] // 2] = False
    for phases in (canvas.phases.detach(), torch.rand(canvas.phases.shape) * 6):
        with torch.no_grad():
            canvas.phases.copy_(phases)
        picture = canvas.picture().detach().double().numpy()
        planes = np.einsum("co,nohw->nchw", np.linalg.inv(colors), np.log(picture / (1 - picture)))
        np.testing.assert_allclose(planes.std((2, 3)), 1.7, rtol=1e-3)
        sizes = np.abs(np.fft.fft2(planes)) * frequency
        sizes = sizes[..., free]
        np.testing.assert_allclose(sizes, sizes[..., :1].repeat(sizes.shape[-1], -1), rtol=1e-2)


def test_phases_start_as_those_of_an_image() -> None:
    random = torch.Generator().manual_seed(0)
    image = FourierCanvas(1, 24, 24, spread=1.0, seed=5).picture().detach()
    picture = PhaseCanvas(image).picture().detach()
    both = torch.stack([each.flatten() for each in (image, picture)])
    assert torch.corrcoef(both)[0, 1] > 0.8
    shuffled = image.flatten()[torch.randperm(image.numel(), generator=random)].view_as(image)
    other = PhaseCanvas(shuffled).picture().detach()
    assert torch.corrcoef(torch.stack([image.flatten(), other.flatten()]))[0, 1] < 0.5


def test_what_nothing_was_asked_of_fades_to_gray() -> None:
    canvas = PhaseCanvas(torch.full((1, 3, 64, 64), 0.5), seed=1)
    left = torch.zeros(1, 1, 64, 64)
    left[..., :32] = 1
    (canvas.picture() * left).sum().backward()
    faded, picture = canvas.faded(), canvas.picture().detach()
    torch.testing.assert_close(faded[..., 40:], torch.full((1, 3, 64, 24), 0.5))
    assert (faded[..., :24] - 0.5).abs().mean() > 0.7 * (picture[..., :24] - 0.5).abs().mean()
