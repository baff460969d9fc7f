"""Maps from the gradient of a target with respect to the pixels.

Each function takes images and what is to be explained: a class by its index or name, one for each
image, or a target. It returns N×C×H×W: what each value of each
pixel does, with its sign. The model computes in eval mode and is left as it was.
"""

import numpy as np
import torch
from torch import Tensor, nn

from interp.network.photographs import ClassNames, Images, as_batch
from interp.network.taps import differentiable, frozen
from interp.saliency.targets import Target, as_target
from styletransfer.errors import RequestError

STEPS = 50
SAMPLES = 50
NOISE = 0.15


@differentiable
def gradient(model: nn.Module, images: Images, target: Target | ClassNames) -> Tensor:
    """The gradient of the target.

    Simonyan et al. 2014, "Deep Inside Convolutional Networks"; their map is the greatest absolute
    value of R, G and B.
    """
    images, target = as_batch(model, images), as_target(model, target)
    with frozen(model):
        pixels = images.detach().clone().requires_grad_()
        # BatchNorm in eval mode mixes no images, so one sum gives each image its own gradient.
        score = target(model, pixels).sum()
        if not score.requires_grad:
            raise RequestError(
                "what is to be explained has no gradient; give a model that does not detach or "
                "round it, or take the method occlusion"
            )
        # Not `autograd.grad`, which activation checkpointing does not always allow.
        torch.autograd.backward(score)
    return torch.zeros_like(pixels) if pixels.grad is None else pixels.grad


def smoothgrad(
    model: nn.Module,
    images: Images,
    target: Target | ClassNames,
    *,
    samples: int = SAMPLES,
    noise: float = NOISE,
    seed: int = 0,
) -> Tensor:
    """The mean gradient of `samples` copies with Gaussian noise added.

    `noise` is its standard deviation as a share of each image's range of values. Smilkov et al.
    2017, "SmoothGrad: removing noise by adding noise".
    """
    images, target = as_batch(model, images), as_target(model, target)
    random = torch.Generator().manual_seed(seed)
    low, high = torch.aminmax(images.flatten(1), dim=1)
    deviation = (noise * (high - low)).view(-1, 1, 1, 1)
    total = torch.zeros_like(images)
    for _ in range(samples):
        normal = torch.randn(images.shape, generator=random).to(images)
        total += gradient(model, images + deviation * normal, target)
    return total / samples


def input_x_gradient(model: nn.Module, images: Images, target: Target | ClassNames) -> Tensor:
    """Each value times its gradient: to first order, what it adds in comparison with black.

    Shrikumar et al. 2016, "Not Just a Black Box".
    """
    images, target = as_batch(model, images), as_target(model, target)
    return images * gradient(model, images, target)


def integrated_gradients(
    model: nn.Module,
    images: Images,
    target: Target | ClassNames,
    *,
    baseline: Tensor | float = 0.0,
    steps: int = STEPS,
) -> Tensor:
    """The difference from `baseline` times the mean gradient on the straight way from there.

    The values sum to target(image) − target(baseline), but for the error of the Gauss–Legendre
    quadrature with `steps` points. `baseline` is black by default. Sundararajan et al. 2017,
    "Axiomatic Attribution for Deep Networks".
    """
    images, target = as_batch(model, images), as_target(model, target)
    difference = images - baseline
    total = torch.zeros_like(images)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    for place, weight in zip((1 + nodes) / 2, weights / 2, strict=True):
        total += float(weight) * gradient(model, baseline + float(place) * difference, target)
    return difference * total
