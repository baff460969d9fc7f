"""What transforms show of an image, and that what comes back is in its place."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from interp.synthesis.transforms import crop, jitter, noise, rotation, scale, turned

TRANSFORMS = {
    "jitter": jitter(5),
    "scale": scale(0.3),
    "rotation": rotation(30),
    "crop": crop(0.5, 12),
    "noise": noise(0.1),
}


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 12, 16, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_seed_repeats_and_others_differ(name: str, image: Tensor) -> None:
    transform = TRANSFORMS[name]
    first = transform(image, generator(3))
    assert first.shape == (image[..., :12] if name == "crop" else image).shape
    assert torch.equal(first, transform(image, generator(3)))
    assert len({transform(image, generator(seed)).sum(1)[0, 0, 0].item() for seed in range(9)}) > 3


def test_jitter_is_undone_exactly(image: Tensor) -> None:
    pixels = image.clone().requires_grad_()
    weights = torch.randn(image.shape, generator=generator(9))
    for seed in range(20):
        shifted = jitter(5)(pixels, generator(seed))
        down, across = torch.randint(-5, 6, (2,), generator=generator(seed)).tolist()
        assert torch.equal(shifted, image.roll((down, across), (2, 3)))
        (gradient,) = torch.autograd.grad((shifted * weights).sum(), pixels)
        assert torch.equal(gradient, weights.roll((-down, -across), (2, 3)))


def test_jitter_reaches_both_ends(image: Tensor) -> None:
    assert torch.equal(jitter(0)(image, generator()), image)
    ramp = torch.arange(100.0).expand(1, 3, 100, 100)
    shifts = {int(jitter(2)(ramp, generator(seed))[0, 0, 50, 50]) for seed in range(60)}
    assert shifts == {48, 49, 50, 51, 52}


def test_scaling_by_two_is_the_middle_interpolated(image: Tensor) -> None:
    middle = image[..., 3:9, 4:12]
    expected = F.interpolate(middle, scale_factor=2, mode="bilinear")
    found = turned(image, factor=2)
    torch.testing.assert_close(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


def test_shrinking_leaves_gray_around(image: Tensor) -> None:
    found = turned(image, factor=0.5)
    torch.testing.assert_close(found[..., 3:9, 4:12], F.avg_pool2d(image, 2), rtol=0, atol=1e-6)
    assert (found[..., :2, :] == 0.5).all() and (found[..., :3] == 0.5).all()


def test_a_crop_is_a_part_enlarged() -> None:
    side = 90
    ramp = torch.stack(torch.meshgrid(torch.arange(90.0), torch.arange(90.0), indexing="ij"))[None]
    shares, ends = [], []
    for seed in range(60):
        found = crop(0.5, side)(ramp, generator(seed))
        low, high = found.amin((0, 2, 3)), found.amax((0, 2, 3))
        shares += ((high - low + 1) / side).tolist()
        ends += [bool((low == 0).any()), bool((high == side - 1).any())]
        assert ((low >= 0) & (high <= side - 1)).all()
    assert 0.48 < min(shares) < 0.6 and 0.9 < max(shares) <= 1.01
    assert any(ends) and not all(ends)
    torch.testing.assert_close(crop(1, side)(ramp, generator()), ramp)


def test_noise_has_its_spread_and_is_the_same_for_all_images() -> None:
    image = torch.rand(2, 3, 50, 50, generator=generator())
    added = noise(0.1)(image, generator(1)) - image
    assert added[0].std().item() == pytest.approx(0.1, rel=0.05)
    torch.testing.assert_close(added[0], added[1])


def test_turns() -> None:
    image = torch.rand(1, 3, 9, 9, generator=generator())
    torch.testing.assert_close(turned(image), image)
    torch.testing.assert_close(turned(image, degrees=90), image.rot90(1, (2, 3)))
    wide = torch.rand(1, 3, 8, 12, generator=generator())
    torch.testing.assert_close(turned(wide, degrees=180), wide.flip(2, 3))
    quarter = turned(wide, degrees=90)
    torch.testing.assert_close(quarter[..., 2:-2], wide[..., 2:-2].rot90(1, (2, 3)))


def test_ranges() -> None:
    dot = torch.full((1, 3, 41, 41), 0.5)
    dot[..., 20, 40] = 1
    angles = []
    for seed in range(40):
        down, across = divmod(int(rotation(20)(dot, generator(seed))[0, 0].argmax()), 41)
        angles.append(float(torch.atan2(torch.tensor(20.0 - down), torch.tensor(across - 20.0))))
    assert -0.38 < min(angles) < -0.2 and 0.2 < max(angles) < 0.38
    disc = torch.full((1, 3, 41, 41), 0.5)
    disc[..., 10:31, 10:31] = 1
    areas = [(scale(0.2)(disc, generator(seed)) - 0.5).sum().item() / 3 / 0.5 for seed in range(40)]
    sides = [(area**0.5) / 21 for area in areas]
    assert 0.78 < min(sides) < 0.9 and 1.1 < max(sides) < 1.22
