"""Any saliency method by its name, as one map per image."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from interp.saliency import Method
from interp.saliency.attention import attention_rollout
from interp.saliency.cam import grad_cam
from interp.saliency.covering import STRIDE, WINDOW, Baseline, occlusion
from interp.saliency.gradients import (
    gradient,
    input_x_gradient,
    integrated_gradients,
    smoothgrad,
)
from interp.saliency.guided import guided_backprop
from interp.saliency.targets import Target

SIGNED: frozenset[Method] = frozenset({"input-x-gradient", "integrated-gradients", "occlusion"})
"""The methods whose maps have signs: values below 0 speak against the target."""


@dataclass(frozen=True)
class Settings:
    """What single methods take.

    Args:
        layer: Layer of Grad-CAM and Guided Grad-CAM; by default the last with places.
        window: Side of the window of occlusion, in pixels.
        stride: Step of the window, in pixels.
        baseline: What covers: "gray", "blur" or "zero".
        seed: Seed of the noise of SmoothGrad.
    """

    layer: str | None = None
    window: int = WINDOW
    stride: int = STRIDE
    baseline: Baseline = "gray"
    seed: int = 0


def attribution(
    method: Method,
    model: nn.Module,
    images: Tensor,
    target: Target,
    settings: Settings | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> Tensor:
    """What the method gives for images N×3×H×W in 0..1.

    Args:
        method: One of `interp.saliency.METHODS`.
        model: Computes in eval mode, and is left as it was.
        images: N×3×H×W in 0..1.
        target: What is explained: `class_score`, `layer_value`, or a function alike.
        settings: What single methods take.
        done: Called with the number of windows of occlusion that are done.

    Returns:
        N×H×W for grad-cam, occlusion and attention-rollout, else N×C×H×W.
    """
    settings = settings or Settings()
    match method:
        case "gradient":
            return gradient(model, images, target)
        case "smoothgrad":
            return smoothgrad(model, images, target, seed=settings.seed)
        case "input-x-gradient":
            return input_x_gradient(model, images, target)
        case "integrated-gradients":
            return integrated_gradients(model, images, target)
        case "grad-cam":
            return grad_cam(model, images, target, layer=settings.layer)
        case "guided":
            return guided_backprop(model, images, target)
        case "guided-grad-cam":
            places = grad_cam(model, images, target, layer=settings.layer)
            return guided_backprop(model, images, target) * places[:, None]
        case "attention-rollout":
            return attention_rollout(model, images)
        case "occlusion":
            return occlusion(
                model,
                images,
                target,
                window=settings.window,
                stride=settings.stride,
                baseline=settings.baseline,
                done=done,
            )


def as_map(method: Method, values: Tensor) -> Tensor:
    """N×H×W of an `attribution`: how much each pixel matters.

    Of R, G and B it is the sum where the method tells what each adds (input-x-gradient,
    integrated-gradients), and else the greatest absolute value (Simonyan et al. 2014).
    """
    if values.ndim == 3:
        return values
    return values.sum(1) if method in SIGNED else values.abs().amax(1)


def explain(
    method: Method,
    model: nn.Module,
    images: Tensor,
    target: Target,
    settings: Settings | None = None,
) -> Tensor:
    """The map N×H×W of a method for images N×3×H×W in 0..1: its `attribution` `as_map`."""
    return as_map(method, attribution(method, model, images, target, settings))
