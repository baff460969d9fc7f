"""Adversarial examples by the gradient, after Goodfellow et al. 2015 and Madry et al. 2018.

An untargeted attack climbs the cross-entropy of the right class, a targeted one descends that of
the class which the model is to see. After each step the change δ is projected back to ‖δ‖ ≤ ε and
the image to 0..1. All sizes are in pixel values of 0..1: what a model does to its input, such as
a normalization, belongs inside it (`interp.network.classifier.Classifier`).
"""

import warnings
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.network.classifier import as_classifier
from interp.network.photographs import ClassNames, Images, as_batch
from interp.network.taps import differentiable, frozen
from styletransfer.errors import RequestError, WorkError

Norm = Literal["linf", "l2"]

EPSILON: dict[Norm, float] = {"linf": 8 / 255, "l2": 1.0}


def fgsm(
    model: nn.Module,
    images: Images,
    classes: ClassNames,
    epsilon: float = EPSILON["linf"],
    *,
    norm: Norm = "linf",
    targeted: bool = False,
) -> Tensor:
    """The fast gradient sign method: one step of size ε, `images + ε·sign(gradient)`.

    With `norm="l2"` the step goes along the gradient itself. The arguments, the result and the
    errors are those of `pgd`.

    Reference: Goodfellow, Shlens and Szegedy 2015, "Explaining and Harnessing Adversarial
    Examples".
    """
    return pgd(model, images, classes, epsilon, norm=norm, steps=1, step=epsilon, targeted=targeted)


@differentiable
def pgd(
    model: nn.Module,
    images: Images,
    classes: ClassNames,
    epsilon: float = EPSILON["linf"],
    *,
    norm: Norm = "linf",
    steps: int = 10,
    step: float | None = None,
    targeted: bool = False,
    momentum: float = 0.0,
    random_start: bool = False,
    restarts: int = 1,
    seed: int = 0,
) -> Tensor:
    """Projected gradient descent: find images within ε of `images` that fool `model`.

    The model computes in eval mode and is left as it was.

    Args:
        model: A `Classifier`, or any module that takes images in 0..1 and gives class scores N×K.
        images: Files, PIL images, arrays uint8 H×W×3 or tensors in 0..1, one or several.
        classes: The right classes, or with `targeted` those to be seen instead: N indices, or
            names, or one of them for all images.
        epsilon: Greatest length of the change to an image, in pixel values of 0..1.
        norm: How that length is measured: `"linf"`, the greatest change to a value, or `"l2"`,
            Euclidean.
        steps: Number of gradients that are taken.
        step: Length of a step in the same norm. By default 2.5 ε / `steps`, after Madry, which
            is the usual 2/255 for 10 steps within 8/255.
        targeted: Make the model see `classes`, instead of anything but them.
        momentum: Momentum of the gradients, each scaled to a mean absolute value of 1. 1 is
            MI-FGSM (Dong et al. 2018, "Boosting Adversarial Attacks with Momentum").
        random_start: Begin at a random place within ε: uniform in L∞; in L2 in a uniform
            direction at a uniform distance.
        restarts: Number of beginnings. From the second on, they are at random places. Only
            images that have not been successful are attacked again, and of each image the result
            of the greatest margin is kept, so more restarts are never worse.
        seed: Seed of the random places. They are the same on every device.

    Returns:
        N×3×H×W in 0..1.

    Raises:
        RequestError: Pixels outside 0..1, classes that the model does not have, or sizes that are
            not positive.
        WorkError: Scores that are not finite.

    Reference: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks".
    """
    images = as_batch(model, images)
    classes = _indices(model, classes, images)
    _check(images, classes, epsilon, steps, step, restarts)
    length = 2.5 * epsilon / steps if step is None else step
    generator = torch.Generator().manual_seed(seed)
    images = images.detach()
    with frozen(model):
        best = images.clone()
        margin = torch.full_like(images[:, 0, 0, 0], -torch.inf)
        for restart in range(restarts):
            left = (margin <= 0).nonzero()[:, 0]
            if not len(left):
                break
            clean, wanted = images[left], classes[left]
            change = torch.zeros_like(clean)
            if random_start or restart:
                change = _random_change(clean, epsilon, norm, generator)
            attacked = (clean + change).clamp(0, 1)
            velocity = torch.zeros_like(clean)
            for _ in range(steps):
                gradient = _gradient(model, attacked, wanted, targeted)
                # Not without momentum: the rounding would grow over the steps.
                if momentum:
                    mean = gradient.abs().mean((1, 2, 3), keepdim=True)
                    gradient = momentum * velocity + gradient / _nonzero(mean)
                velocity = gradient
                attacked = attacked + length * _direction(velocity, norm)
                attacked = (clean + _projected(attacked - clean, epsilon, norm)).clamp(0, 1)
            if restarts == 1:
                best = attacked
                break
            reached = _margin(model, attacked, wanted, targeted)
            better = reached > margin[left]
            best[left[better]], margin[left[better]] = attacked[better], reached[better]
    unchanged = int((best == images).flatten(1).all(1).sum())
    if unchanged:
        warnings.warn(
            f"{unchanged} of {len(images)} images are as they were: the attack found no change, as "
            "their gradient is zero; a random start may help",
            stacklevel=3,
        )
    return best


def random_targets(classes: Tensor, count: int, *, seed: int = 0) -> Tensor:
    """For each of N `classes` another one of `count`, all of them alike likely."""
    generator = torch.Generator().manual_seed(seed)
    shift = torch.randint(1, count, classes.shape, generator=generator).to(classes.device)
    return (classes + shift) % count


def _indices(model: nn.Module, classes: ClassNames, images: Tensor) -> Tensor:
    """Class indices N; one class counts for all images."""
    if isinstance(classes, Tensor):
        return classes.to(images.device)
    classifier = as_classifier(model)
    if isinstance(classes, int | str):
        return torch.full((len(images),), classifier.find_class(classes), device=images.device)
    return torch.tensor([classifier.find_class(each) for each in classes], device=images.device)


def _check(
    images: Tensor, classes: Tensor, epsilon: float, steps: int, step: float | None, restarts: int
) -> None:
    low, high = (float(value) for value in images.aminmax())
    if not (low >= 0 and high <= 1):
        raise RequestError(
            f"the pixels reach from {low:.3g} to {high:.3g}; give them in 0..1, and the "
            "normalization to Classifier(model, mean=…, std=…)"
        )
    if classes.shape != images.shape[:1]:
        raise RequestError(f"{len(images)} images need as many classes, not {len(classes)}")
    if epsilon <= 0 or (step is not None and step <= 0) or steps < 1 or restarts < 1:
        raise RequestError("epsilon, step, steps and restarts must be greater than zero")


def _gradient(model: nn.Module, images: Tensor, classes: Tensor, targeted: bool) -> Tensor:
    """Of what is to grow. The sum over images, so that none depends on the size of its batch."""
    images = images.detach().clone().requires_grad_()
    loss = F.cross_entropy(_scores(model, images, classes), classes, reduction="sum")
    if not loss.requires_grad:
        raise RequestError(
            "the scores have no gradient, so no attack can climb it; give a model that does not "
            "detach or round them"
        )
    (gradient,) = torch.autograd.grad(-loss if targeted else loss, images)
    return gradient


def _scores(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    scores: Tensor = as_classifier(model)(images)
    if scores.shape[1] == 1:  # yes or no: as two classes whose probabilities are those of a sigmoid
        scores = torch.cat([-scores / 2, scores / 2], 1)
    if not scores.isfinite().all():
        raise WorkError("the model's scores are not finite; its weights are broken")
    if not (classes >= 0).all() or not (classes < scores.shape[1]).all():
        raise RequestError(f"the classes of this model are 0 to {scores.shape[1] - 1}")
    return scores


def _margin(model: nn.Module, images: Tensor, classes: Tensor, targeted: bool) -> Tensor:
    """By how much an image has been successful: the lead in score, above zero if it has."""
    with torch.no_grad():
        scores = _scores(model, images, classes)
    own = scores.gather(1, classes[:, None])[:, 0]
    others = scores.scatter(1, classes[:, None], -torch.inf).amax(1)
    return own - others if targeted else others - own


def _random_change(
    images: Tensor, epsilon: float, norm: Norm, generator: torch.Generator
) -> Tensor:
    if norm == "linf":
        unit = 2 * torch.rand(images.shape, generator=generator) - 1
    else:
        unit = _direction(torch.randn(images.shape, generator=generator), norm)
        unit *= torch.rand((len(images), 1, 1, 1), generator=generator)
    return epsilon * unit.to(images)


def _direction(gradient: Tensor, norm: Norm) -> Tensor:
    """The change of length 1 by which a linear function grows most."""
    return gradient.sign() if norm == "linf" else gradient / _nonzero(_length(gradient))


def _projected(change: Tensor, epsilon: float, norm: Norm) -> Tensor:
    if norm == "linf":
        return change.clamp(-epsilon, epsilon)
    return change * (epsilon / _nonzero(_length(change))).clamp(max=1)


def _length(change: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(change, dim=(1, 2, 3), keepdim=True)
    return length


def _nonzero(length: Tensor) -> Tensor:
    """What to divide by so that a zero change stays zero."""
    return length.clamp(min=torch.finfo(length.dtype).tiny)
