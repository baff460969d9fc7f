"""FGSM and PGD against their formulas, against torchattacks, and their promises."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.adversarial.attacks import EPSILON, Norm, fgsm, pgd, random_targets
from interp.network.classifier import Classifier, load_classifier
from interp.network.photographs import read_pixels
from styletransfer.errors import RequestError, WorkError
from tests.assets import asset

NORMS: list[Norm] = ["linf", "l2"]


@pytest.fixture
def images() -> Tensor:
    """Five images, with black and white in them, so that 0..1 is a limit."""
    torch.manual_seed(1)
    return (torch.rand(5, 3, 32, 32) * 1.4 - 0.2).clamp(0, 1)


@pytest.fixture
def classes(classifier: Classifier, images: Tensor) -> Tensor:
    return classifier(images).argmax(1).detach()


def lengths(change: Tensor, norm: Norm) -> Tensor:
    return change.flatten(1).abs().amax(1) if norm == "linf" else change.flatten(1).norm(dim=1)


def chances(classifier: Classifier, images: Tensor, classes: Tensor) -> Tensor:
    with torch.no_grad():
        return classifier(images).softmax(1)[torch.arange(len(images)), classes]


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("norm", NORMS)
def test_fgsm_is_its_formula(
    classifier: Classifier, images: Tensor, classes: Tensor, norm: Norm, targeted: bool
) -> None:
    pixels = images.clone().requires_grad_()
    F.cross_entropy(classifier(pixels), classes).backward()
    assert pixels.grad is not None
    upwards = -pixels.grad if targeted else pixels.grad
    if norm == "linf":
        step = upwards.sign()
    else:
        step = upwards / upwards.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    expected = (images + 0.1 * step).clamp(0, 1)
    found = fgsm(classifier, images, classes, 0.1, norm=norm, targeted=targeted)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    once = pgd(classifier, images, classes, 0.1, norm=norm, targeted=targeted, steps=1)
    torch.testing.assert_close(once, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["PGD", "PGDL2"])
def test_equal_to_torchattacks_on_real_weights(method: str) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    classifier = load_classifier("squeezenet1_0", asset("weights/squeezenet1_0.safetensors"))
    photograph = asset("images/imagenet-1000/n01443537_goldfish.jpg")
    image, goldfish = read_pixels(classifier, photograph), torch.tensor([1])
    norm: Norm = "l2" if method == "PGDL2" else "linf"
    options = {"eps": EPSILON[norm], "alpha": EPSILON[norm] / 4, "steps": 4, "random_start": False}
    expected = getattr(torchattacks, method)(classifier, **options)(image, goldfish)
    found = pgd(
        classifier,
        image,
        goldfish,
        norm=norm,
        epsilon=EPSILON[norm],
        steps=4,
        step=EPSILON[norm] / 4,
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert classifier(found).argmax() != goldfish


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("method", ["FGSM", "PGD", "PGDL2", "MIFGSM"])
def test_equal_to_torchattacks(
    classifier: Classifier, images: Tensor, classes: Tensor, method: str, targeted: bool
) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    options = {
        "FGSM": {"eps": 8 / 255},
        "PGD": {"eps": 8 / 255, "alpha": 2 / 255, "steps": 10, "random_start": False},
        "PGDL2": {"eps": 1.0, "alpha": 0.2, "steps": 10, "random_start": False},
        "MIFGSM": {"eps": 8 / 255, "alpha": 2 / 255, "steps": 5, "decay": 1.0},
    }[method]
    other = getattr(torchattacks, method)(classifier, **options)
    goals = random_targets(classes, 5) if targeted else classes
    if targeted:
        other.set_mode_targeted_by_label(quiet=True)
    expected = other(images, goals)
    if method == "FGSM":
        found = fgsm(classifier, images, goals, 8 / 255, targeted=targeted)
    else:
        norm: Norm = "l2" if method == "PGDL2" else "linf"
        found = pgd(
            classifier,
            images,
            goals,
            options["eps"],
            norm=norm,
            step=options["alpha"],
            steps=options["steps"],
            momentum=options.get("decay", 0.0),
            targeted=targeted,
        )
    assert (expected - images).abs().max() > 1 / 255
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("random_start", [False, True])
@pytest.mark.parametrize("norm", NORMS)
def test_within_epsilon_and_the_range_of_pixels(
    classifier: Classifier,
    images: Tensor,
    classes: Tensor,
    norm: Norm,
    random_start: bool,
    momentum: float,
) -> None:
    epsilon = EPSILON[norm]
    found = pgd(
        classifier,
        images,
        classes,
        epsilon,
        norm=norm,
        steps=3,
        step=epsilon,  # so long that the projection has something to do
        random_start=random_start,
        momentum=momentum,
    )
    assert found.min() >= 0
    assert found.max() <= 1
    reached = lengths(found - images, norm)
    assert (reached <= epsilon + 1e-6).all()
    assert (reached > epsilon / 2).all()
    assert (chances(classifier, found, classes) < chances(classifier, images, classes)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_targeted_raises_the_target(
    classifier: Classifier, images: Tensor, classes: Tensor, norm: Norm
) -> None:
    targets = random_targets(classes, 5, seed=3)
    found = pgd(classifier, images, targets, EPSILON[norm], norm=norm, targeted=True)
    assert (chances(classifier, found, targets) > chances(classifier, images, targets)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_an_image_does_not_depend_on_its_batch(
    classifier: Classifier, images: Tensor, classes: Tensor, norm: Norm
) -> None:
    together = pgd(classifier, images, classes, EPSILON[norm], norm=norm)
    alone = pgd(classifier, images[2:3], classes[2:3], EPSILON[norm], norm=norm)
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_random_starts_repeat_with_their_seed(
    classifier: Classifier, images: Tensor, classes: Tensor, norm: Norm
) -> None:
    def attacked(seed: int) -> Tensor:
        return pgd(
            classifier, images, classes, norm=norm, steps=2, step=1e-4, random_start=True, seed=seed
        )

    first = attacked(0)
    torch.manual_seed(99)
    assert torch.equal(first, attacked(0))
    assert not torch.equal(first, attacked(1))


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("random_start", [False, True])
def test_restarts_are_never_worse(
    classifier: Classifier, images: Tensor, classes: Tensor, targeted: bool, random_start: bool
) -> None:
    goals = random_targets(classes, 5) if targeted else classes

    def margins(restarts: int) -> Tensor:
        found = pgd(
            classifier,
            images,
            goals,
            2 / 255,
            steps=2,
            targeted=targeted,
            random_start=random_start,
            restarts=restarts,
        )
        assert (lengths(found - images, "linf") <= 2 / 255 + 1e-6).all()
        with torch.no_grad():
            scores = classifier(found)
        own = scores.gather(1, goals[:, None])[:, 0]
        others = scores.scatter(1, goals[:, None], -torch.inf).amax(1)
        return own - others if targeted else others - own

    found = [margins(restarts) for restarts in (1, 2, 4, 8)]
    for fewer, more in pairwise(found):
        assert (more >= fewer - 1e-6).all()
    assert (found[-1] > found[0]).any()


class Trap(nn.Module):
    """Its gradient at the image leads nowhere, from a random place it leads to the other class."""

    def forward(self, pixels: Tensor) -> Tensor:
        other = (pixels - 0.5).square().mean((1, 2, 3)) * 1e4 - 1
        return torch.stack([torch.zeros_like(other), other], 1)


def test_a_restart_leaves_a_place_without_gradient() -> None:
    images, classes = torch.full((2, 3, 8, 8), 0.5), torch.zeros(2, dtype=torch.long)
    for norm in NORMS:
        stuck = pgd(Trap(), images, classes, EPSILON[norm], norm=norm)
        assert torch.equal(stuck, images)
        freed = pgd(Trap(), images, classes, EPSILON[norm], norm=norm, restarts=2)
        assert (Trap()(freed).argmax(1) == 1).all()


def test_the_model_is_as_before(classifier: Classifier, images: Tensor, classes: Tensor) -> None:
    classifier.train()
    classifier.model.norm.eval()
    classifier.model.first.weight.requires_grad_(False)
    modes = [module.training for module in classifier.modules()]
    wanted = [parameter.requires_grad for parameter in classifier.parameters()]
    state = {name: value.clone() for name, value in classifier.state_dict().items()}
    with torch.no_grad():  # a caller that evaluates
        found = pgd(classifier, images, classes, restarts=2)
    assert [module.training for module in classifier.modules()] == modes
    assert [parameter.requires_grad for parameter in classifier.parameters()] == wanted
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert all(torch.equal(value, state[n]) for n, value in classifier.state_dict().items())
    assert not found.requires_grad
    assert torch.equal(found, pgd(classifier.eval(), images, classes, restarts=2))


def test_normalization_is_the_models_own(images: Tensor, classes: Tensor) -> None:
    """The same network behind another normalization, undone by its weights: the same attack."""
    torch.manual_seed(0)
    plain, scaled = nn.Linear(3 * 32 * 32, 5), nn.Linear(3 * 32 * 32, 5)
    with torch.no_grad():
        scaled.weight.copy_(plain.weight * 0.25)
        scaled.bias.copy_(plain.bias + 0.5 * plain.weight.sum(1))
    first = Classifier(nn.Sequential(nn.Flatten(), plain))
    second = Classifier(nn.Sequential(nn.Flatten(), scaled), mean=(0.5,) * 3, std=(0.25,) * 3)
    for norm in NORMS:
        torch.testing.assert_close(
            pgd(first, images, classes, EPSILON[norm], norm=norm),
            pgd(second, images, classes, EPSILON[norm], norm=norm),
            rtol=0,
            atol=1e-5,
        )


def test_random_targets_are_other_classes() -> None:
    classes = torch.arange(6).repeat(200)
    targets = random_targets(classes, 6)
    assert torch.equal(targets, random_targets(classes, 6))
    assert not torch.equal(targets, random_targets(classes, 6, seed=1))
    counts = torch.bincount(6 * classes + targets, minlength=36).view(6, 6)
    assert (counts.diagonal() == 0).all()
    assert (counts + 40 * torch.eye(6) > 20).all()  # 40 expected of each


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": torch.full((5, 3, 32, 32), 2.0)}, r"from 2 to 2; give them in 0\.\.1"),
        ({"classes": torch.zeros(4, dtype=torch.long)}, "5 images need as many classes, not 4"),
        ({"classes": torch.full((5,), 7)}, "classes of this model are 0 to 4"),
        ({"epsilon": 0.0}, "greater than zero"),
        ({"steps": 0}, "greater than zero"),
    ],
)
def test_wrong_calls(
    classifier: Classifier,
    images: Tensor,
    classes: Tensor,
    change: dict[str, Tensor | float],
    said: str,
) -> None:
    with pytest.raises(RequestError, match=said):
        pgd(classifier, **{"images": images, "classes": classes, **change})


def test_broken_weights(classifier: Classifier, images: Tensor, classes: Tensor) -> None:
    with torch.no_grad():
        classifier.model.head.bias.fill_(torch.nan)
    with pytest.raises(WorkError, match="not finite"):
        fgsm(classifier, images, classes)
