"""DeepDream: what a layer sees in an image is made stronger, at several sizes of it.

Mordvintsev, Olah and Tyka 2015, "Inceptionism". Their settings are the defaults; pixels are in
0..1 here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.network.layers import default_layer
from interp.network.photographs import OneImage, whole_image
from interp.network.taps import activations, differentiable
from interp.synthesis.canvas import PixelCanvas
from interp.synthesis.loop import Progress, descent, optimize_image
from interp.synthesis.regularizers import normalized, within
from interp.synthesis.transforms import jitter as jittered
from styletransfer.errors import RequestError

Dreamed = Callable[[Tensor], Tensor]  # of an image 1×3×H×W, one number to be raised

# How many places of the image are compared with all of the guide at a time.
_CHUNK = 1024


@dataclass(frozen=True)
class Dream:
    """A dream.

    Attributes:
        picture: 1×3×H×W in 0..1.
        octaves: The objective before and after each octave, without jitter.
        interrupted: Whether Ctrl-C ended it.
    """

    picture: Tensor
    octaves: list[tuple[float, float]] = field(repr=False)
    interrupted: bool = False


@dataclass(frozen=True)
class DreamSettings:
    """How a dream is made; the defaults are Google's.

    Args:
        octaves: Number of sizes, the last the image's own.
        octave_scale: Factor from one size to the next.
        steps: Number of steps in each octave.
        step: Mean change of a pixel in a step, of 0..1.
        jitter: Greatest random shift in each step, in pixels.
    """

    octaves: int = 4
    octave_scale: float = 1.4
    steps: int = 10
    step: float = 1.5 / 255
    jitter: int = 32


@differentiable
def deep_dream(
    model: nn.Module,
    image: OneImage,
    objective: Dreamed | str | Sequence[str] | None = None,
    settings: DreamSettings | None = None,
    *,
    seed: int = 0,
    on_step: Callable[[Progress], None] | None = None,
) -> Dream:
    """Strengthen what the network sees in `image`, from a small copy of it to its own size.

    What an octave has added to the image, its detail, is enlarged and added to the next.

    Args:
        model: The network. It is left as it was.
        image: A file, PIL image, array uint8 H×W×3 or tensor in 0..1, at its own size.
        objective: Names of the layers to strengthen, `strength(model, layers)`,
            `likeness(model, layer, guide)`, or a function of the image alike. By default the layer
            `default_layer`.
        settings: Number and size of octaves and steps.
        seed: Seed of the jitter.
        on_step: Called after each step, octave by octave.

    Raises:
        RequestError: The smallest octave is too small for the network.
        WorkError: An objective that is not finite.
    """
    image = whole_image(model, image)
    objective = objective or default_layer(model, image)
    if not callable(objective):
        layers = [objective] if isinstance(objective, str) else list(objective)
        objective = strength(model, layers)
    settings = settings or DreamSettings()
    sizes = octave_sizes(image.shape[2], image.shape[3], settings.octaves, settings.octave_scale)
    _refuse_small(objective, sizes[0], image)
    detail = torch.zeros_like(image)
    values: list[tuple[float, float]] = []
    picture = image
    for octave, size in enumerate(sizes):
        base = _resized(image, size)
        start = base + _resized(detail, size)
        outcome = optimize_image(
            PixelCanvas(start),
            lambda seen: {"dream": -objective(seen)},
            steps=settings.steps,
            optimizer=descent(settings.step),
            transforms=lambda step: [jittered(settings.jitter)],
            shapes=[normalized],
            projections=[within],
            seed=seed * settings.octaves + octave,
            on_step=on_step,
        )
        picture = outcome.picture
        detail = picture - base
        if outcome.interrupted:
            whole = (image + _resized(detail, image.shape[2:])).clamp(0, 1)
            return Dream(whole, values, interrupted=True)
        with torch.no_grad():
            values.append((objective(start).item(), objective(picture).item()))
    return Dream(picture, values)


def dream_zoom(
    dream: Callable[[Tensor, int], Dream], image: Tensor, frames: int, *, zoom: float = 1.05
) -> Iterator[Dream]:
    """Dream, enlarge by `zoom` about the middle, dream in that, and so on: `frames` dreams.

    `dream` gets the image and the frame's number from 0. Ends after an interrupted one.
    """
    for frame in range(frames):
        result = dream(image, frame)
        yield result
        if result.interrupted:
            return
        image = enlarged(result.picture, zoom)


def strength(model: nn.Module, layers: Sequence[str]) -> Dreamed:
    """½‖a‖² of each layer's activations a, per value, and summed over the layers.

    Up to its length the gradient at a layer is the activation itself: what is there is
    strengthened. When called, the function raises RequestError for a layer that does not exist.
    """

    def objective(image: Tensor) -> Tensor:
        values = activations(model, image, layers, gradients=torch.is_grad_enabled())
        return torch.stack([value.square().mean() / 2 for value in values.values()]).sum()

    return objective


def likeness(model: nn.Module, layer: str, guide: Tensor) -> Dreamed:
    """The mean over places of the dot product with that place of `guide`, 1×3×H×W, which fits best.

    So the image takes up the features of the guide, wherever it has something alike.

    Raises:
        RequestError: A layer that does not exist or has no places.
    """
    with torch.no_grad():
        features = activations(model, guide, [layer])[layer]
    if features.ndim != 4:
        shape = "×".join(map(str, features.shape[1:]))
        raise RequestError(f"layer {layer!r} gives {shape}, no places to compare; name another")
    guides = features[0].flatten(1)

    def objective(image: Tensor) -> Tensor:
        values = activations(model, image, [layer], gradients=torch.is_grad_enabled())[layer]
        places = values[0].flatten(1)
        with torch.no_grad():
            best = torch.cat(
                [(part.T @ guides).argmax(1) for part in torch.split(places, _CHUNK, 1)]
            )
        return (places * guides[:, best]).sum(0).mean()

    return objective


def octave_sizes(height: int, width: int, octaves: int, scale: float) -> list[tuple[int, int]]:
    """Height and width of each octave, the smallest first; each is at least a pixel."""
    return [
        (max(1, round(height / scale**index)), max(1, round(width / scale**index)))
        for index in reversed(range(octaves))
    ]


def enlarged(image: Tensor, factor: float) -> Tensor:
    """The middle of the image N×3×H×W, enlarged by `factor` >= 1 to the same size."""
    height, width = image.shape[2:]
    tall, wide = (max(1, round(side / factor)) for side in (height, width))
    top, left = (height - tall) // 2, (width - wide) // 2
    return _resized(image[..., top : top + tall, left : left + wide], (height, width))


def _resized(image: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(image, tuple(size), mode="bilinear", antialias=True, align_corners=False)


def _refuse_small(objective: Dreamed, size: tuple[int, int], image: Tensor) -> None:
    """RequestError where the objective takes the whole image, but not its smallest octave."""
    with torch.no_grad():
        objective(image)
        try:
            objective(_resized(image, size))
        except (RuntimeError, ValueError) as error:
            raise RequestError(
                f"the network cannot take the smallest octave, {size[1]}×{size[0]} pixels; take "
                "fewer octaves, a smaller scale, or a larger image"
            ) from error
