"""Images that a class, a channel or a neuron responds to most, by gradient ascent on the pixels.

Simonyan, Vedaldi and Zisserman 2014, "Deep Inside Convolutional Networks". What is climbed is the
score before the softmax, which could also be raised by making the other classes unlikely.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from interp.network.classifier import Classifier, as_classifier
from interp.network.photographs import ClassNames
from interp.network.taps import differentiable, frozen
from interp.saliency.targets import Target, as_target
from interp.synthesis import regularizers, transforms
from interp.synthesis.canvas import FourierCanvas, PhaseCanvas, PixelCanvas
from interp.synthesis.loop import (
    GradientShape,
    Outcome,
    Progress,
    Projection,
    Transform,
    adam,
    descent,
    optimize_image,
)
from interp.synthesis.recipes import PRESETS, Recipe
from interp.synthesis.redirected import redirected_relus
from styletransfer.errors import RequestError, WorkError

_NOISE = 0.05


@differentiable
def class_image(
    model: nn.Module,
    target: Target | ClassNames,
    recipe: Recipe = PRESETS["maco"],
    *,
    start: Tensor | None = None,
    seed: int = 0,
    on_step: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Make the image that a class, a channel or a neuron responds to most.

    Args:
        model: A `Classifier`, which decides on the size and on the mean color, or any module.
        target: A class by its index or name, `layer_value(layer, channel, place)`, or a function
            alike.
        recipe: One of `PRESETS`, or settings of one's own.
        start: N×3×H×W in 0..1 to begin with, instead of what the recipe says.
        seed: Seed of the noise and of the transforms.
        on_step: Called after each step.

    Returns:
        The picture, N×3×size×size in 0..1, and the losses. With the basis "phases", what no step
            has asked for is gray.

    Raises:
        RequestError: A class, layer, channel or place that does not exist, or a recipe that
            changes pixels where it has none.
        WorkError: A value that is not finite, or an image that no step has changed.
    """
    classifier, target = as_classifier(model), as_target(model, target)
    if recipe.basis != "pixels":
        _refuse_pixel_work(recipe)
    begin = start_image(classifier, recipe, seed) if start is None else start
    begin = begin.to(classifier.mean.device)
    canvas: PixelCanvas | FourierCanvas | PhaseCanvas
    if recipe.basis == "pixels":
        canvas = PixelCanvas(begin)
    elif recipe.basis == "phases":
        canvas = PhaseCanvas(begin, seed=seed)
    else:
        count, _, height, width = begin.shape
        canvas = FourierCanvas(count, height, width, seed=seed, start=begin, device=begin.device)
    before = canvas.picture().detach().clone()

    def objective(image: Tensor) -> dict[str, Tensor]:
        with redirected_relus():
            return {"score": -target(classifier, image).sum()}

    with frozen(classifier):
        outcome = optimize_image(
            canvas,
            objective,
            steps=recipe.steps,
            optimizer=(adam if recipe.optimizer == "adam" else descent)(recipe.rate),
            priors=_priors(recipe, classifier.mean),
            transforms=_transforms(recipe, classifier, target, begin),
            # The phases turn as far in each step as at first, unless they are slowed down.
            schedule=_falling(recipe.steps) if recipe.basis == "phases" else None,
            shapes=_shapes(recipe),
            projections=_projections(recipe, classifier.mean) if recipe.basis == "pixels" else (),
            seed=seed,
            on_step=on_step,
        )
    if outcome.history and not outcome.interrupted and torch.equal(before, outcome.picture):
        raise WorkError(
            "no step has changed the image: the gradient is zero; start from noise, or climb a "
            "layer before its ReLU"
        )
    if isinstance(canvas, PhaseCanvas):
        return replace(outcome, picture=canvas.faded())
    return outcome


def start_image(classifier: Classifier, recipe: Recipe, seed: int = 0) -> Tensor:
    """1×3×size×size: mid-gray, the mean color of what the model was trained on, or that and noise.

    The noise has a standard deviation of 0.05.
    """
    # A crop is on average as large as what the model takes.
    seen = (1 + recipe.least_crop) / 2 if recipe.least_crop else 1
    side = recipe.size or round(classifier.size / seen)
    shape = (1, 3, side, side)
    if recipe.start == "gray":
        return torch.full(shape, regularizers.GRAY)
    mean = classifier.mean.cpu().expand(shape)
    if recipe.start == "mean":
        return mean.clone()
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (mean + _NOISE * noise).clamp(0, 1)


def _priors(recipe: Recipe, zero: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    chosen = {}
    if recipe.l2:
        chosen["l2"] = regularizers.squared_norm(recipe.l2, zero)
    if recipe.total_variation:
        chosen["total variation"] = regularizers.total_variation(recipe.total_variation)
    return chosen


def _transforms(
    recipe: Recipe, classifier: Classifier, target: Target, start: Tensor
) -> Callable[[int], Sequence[Transform]]:
    """What the model sees in each step.

    What is large in a small view is what a network asks for there. The views that grow from it add
    the details, and keep it.
    """
    side = classifier.size
    first = max(1, round(side * (recipe.first_view or 1)))
    after = _of_any_size(recipe)
    if first < side and not _takes(classifier, target, start, first):
        after = [transforms.resize(side), *after]

    def chosen(step: int) -> Sequence[Transform]:
        view = round(first + (side - first) * step / max(1, recipe.steps - 1))
        if recipe.least_crop or first < side:
            return [transforms.crop(recipe.least_crop or 1, view), *after]
        return after

    return chosen


def _takes(classifier: Classifier, target: Target, images: Tensor, side: int) -> bool:
    """Whether the model takes images of this side, as most networks of convolutions do."""
    small = transforms.resize(side)(images, torch.Generator())
    try:
        with frozen(classifier), torch.no_grad():
            target(classifier, small)
    # A transformer asserts its size; a neuron may lie beyond a small map.
    except (RuntimeError, AssertionError, RequestError):
        return False
    return True


def _falling(steps: int) -> Callable[[int], float]:
    """Half a cosine, from 1 in the first step to nearly 0 in the last."""
    return lambda step: (1 + math.cos(math.pi * step / steps)) / 2


def _of_any_size(recipe: Recipe) -> list[Transform]:
    chosen: list[Transform] = []
    if recipe.jitter:
        chosen.append(transforms.jitter(recipe.jitter))
    if recipe.scale:
        chosen.append(transforms.scale(recipe.scale))
    if recipe.rotation:
        chosen.append(transforms.rotation(recipe.rotation))
    if recipe.noise:
        chosen.append(transforms.noise(recipe.noise))
    return chosen


def _shapes(recipe: Recipe) -> Sequence[GradientShape]:
    chosen: list[GradientShape] = []
    if recipe.center_bias:
        chosen.append(regularizers.center_bias(recipe.steps, recipe.center_bias))
    if recipe.optimizer == "normalized":
        chosen.append(regularizers.normalized)
    return chosen


def _projections(recipe: Recipe, zero: Tensor) -> Sequence[Projection]:
    chosen: list[Projection] = []
    if recipe.decay:
        chosen.append(regularizers.decay(recipe.decay, zero))
    if recipe.blur:
        end = recipe.blur_end or None
        chosen.append(
            regularizers.blur(recipe.blur, recipe.blur_every, end=end, steps=recipe.steps)
        )
    if recipe.norm_percentile:
        chosen.append(regularizers.clip_small_norm(recipe.norm_percentile, zero))
    if recipe.gradient_percentile:
        chosen.append(regularizers.clip_small_gradient(recipe.gradient_percentile, zero))
    if recipe.contribution_percentile:
        chosen.append(regularizers.clip_small_contribution(recipe.contribution_percentile, zero))
    return [*chosen, regularizers.within]


def _refuse_pixel_work(recipe: Recipe) -> None:
    """Frequencies and phases are no pixels to change."""
    of_pixels = {
        "--decay": recipe.decay,
        "--blur": recipe.blur,
        "--norm-percentile": recipe.norm_percentile,
        "--gradient-percentile": recipe.gradient_percentile,
        "--contribution-percentile": recipe.contribution_percentile,
        "--center-bias": recipe.center_bias,
        "--optimizer normalized": recipe.optimizer == "normalized",
    }
    for option, given in of_pixels.items():
        if given:
            raise RequestError(f"{option} is for pixels; give --basis pixels with it")
