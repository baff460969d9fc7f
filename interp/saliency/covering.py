"""Occlusion: what a class loses when a patch of the image is covered."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.transforms import functional as vision

from interp.network.convolutions import fast_convolutions
from interp.network.photographs import ClassNames, Images, as_batch
from interp.network.taps import differentiable, frozen
from interp.saliency.targets import Target, as_target, target_of
from styletransfer.errors import RequestError, WorkError

Baseline = Literal["gray", "blur", "zero"]
Box = tuple[int, int, int, int]

WINDOW = 32
STRIDE = 16
BATCH = 8
_BLUR = 10.0  # standard deviation, in pixels


@differentiable
def occlusion(
    model: nn.Module,
    images: Images,
    target: Target | ClassNames,
    *,
    window: int = WINDOW,
    stride: int = STRIDE,
    baseline: Baseline | Tensor = "gray",
    batch: int = BATCH,
    done: Callable[[int], object] = lambda count: None,
) -> Tensor:
    """How far the target falls where a window is covered: N×H×W for images N×3×H×W in 0..1.

    A square window of side `window` moves by `stride` pixels, and is cut at the right and lower
    border. Where windows overlap, a pixel gets the mean of their falls.

    Args:
        model: Any model. It computes in eval mode.
        images: Files, PIL images, arrays uint8 H×W×3 or tensors in 0..1.
        target: What falls: a class, `class_score`, `class_probability`, or a neuron.
        window, stride: Side and step of the window in pixels. The stride is at most the window.
        baseline: What covers: gray (0.5), the blurred image, zero (black), or a tensor that can
            be broadcast to 3×H×W.
        batch: Number of windows in one forward pass. It is halved each time that a pass fails,
            as it does where memory runs out.
        done: Called with the number of windows after each batch.

    Raises:
        RequestError: A stride or a window that leaves pixels uncovered.
        WorkError: Memory does not suffice for one image.

    Reference: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks".
    """
    images, target = as_batch(model, images), as_target(model, target)
    boxes = windows(images.shape[2], images.shape[3], window, stride)
    result = torch.zeros_like(images[:, 0])
    cover = torch.zeros_like(result[0])
    for top, left, bottom, right in boxes:
        cover[top:bottom, left:right] += 1
    layout = _layout(images)

    def first() -> Tensor:
        return target_of(target, 0)(model, images[:1])

    with frozen(model), torch.no_grad(), fast_convolutions(model, first):
        for number, (image, falls) in enumerate(zip(images, result, strict=True)):
            of_image = target_of(target, number)
            whole = of_image(model, image[None])
            covering = _covering(image, baseline)
            start = 0
            while start < len(boxes):
                chosen = boxes[start : start + batch]
                try:
                    left_over = of_image(model, _covered(image, covering, chosen, layout))
                # On a CPU, too little memory is a RuntimeError like any other. One that has
                # another cause comes again with a single window.
                except (RuntimeError, MemoryError) as error:
                    if batch == 1 and isinstance(error, MemoryError | torch.OutOfMemoryError):
                        raise WorkError("not enough memory for one image; take less") from None
                    if batch == 1:
                        raise
                    batch = max(1, batch // 2)
                    continue
                for (top, left, bottom, right), fall in zip(
                    chosen, (whole - left_over).unbind(), strict=True
                ):
                    falls[top:bottom, left:right] += fall
                start += len(chosen)
                done(len(chosen))
    return result / cover


def windows(height: int, width: int, window: int, stride: int) -> list[Box]:
    """The places of the window, row by row: top, left, bottom and right, the last two exclusive.

    Raises:
        RequestError: A window or a stride below 1, or a stride that leaves gaps.
    """
    if not 1 <= stride <= window:
        raise RequestError(f"a stride of {stride} does not fit a window of {window}; take 1 to it")

    def starts(length: int) -> range:
        return range(0, max(0, length - window) + stride, stride)

    return [
        (top, left, min(top + window, height), min(left + window, width))
        for top in starts(height)
        for left in starts(width)
    ]


def _covering(image: Tensor, baseline: Baseline | Tensor) -> Tensor:
    if isinstance(baseline, Tensor):
        return baseline.to(image).expand_as(image)
    if baseline == "blur":
        # Reflection needs more pixels than the kernel reaches; a small image takes a smaller one.
        reach = min(round(3 * _BLUR), min(image.shape[1:]) - 1)
        blurred: Tensor = vision.gaussian_blur(image, [2 * reach + 1] * 2, [_BLUR] * 2)
        return blurred
    return torch.full_like(image, 0.5 if baseline == "gray" else 0.0)


def _layout(images: Tensor) -> torch.memory_format:
    """The layout of the images in memory, which a model may depend on."""
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _covered(
    image: Tensor, covering: Tensor, boxes: list[Box], layout: torch.memory_format
) -> Tensor:
    """A copy of the image for each box, covered there."""
    shape = (len(boxes), *image.shape)
    copies = image.expand(shape).clone(memory_format=layout)
    for copy, (top, left, bottom, right) in zip(copies, boxes, strict=True):
        copy[:, top:bottom, left:right] = covering[:, top:bottom, left:right]
    return copies
