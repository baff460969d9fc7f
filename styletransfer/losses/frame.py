"""The frame loss: it measures whether a picture's border differs from what is next to it.

At the border a network sees its padding, and a loss network sees its own, so training can end in a
frame: more contrast in the outer pixels than further in, the same in all pictures.
"""

import torch
from torch import Tensor

from styletransfer.losses.perceptual import LUMINANCE

# Width in pixels of the border, and of what it is compared with.
OUTER, NEXT = 8, 24
# A luminance that is added to both sides of a comparison. Differences in the dark are invisible.
DARK = 0.03


def frame_loss(image: Tensor, photograph: Tensor) -> Tensor:
    """Return how much more the border stands out in an image than in its photograph.

    The mean luminance of the outer 8 pixels is compared with that of the next 24, and so is its
    standard deviation: the difference divided by the sum. The loss is the squared distance of the
    image's two figures from the photograph's.

    Args:
        image: N×3×H×W in 0..1.
        photograph: N×3×H×W in 0..1.

    Returns:
        N numbers, 0 or more. They are 0 if a side is shorter than 65 pixels.
    """
    if min(image.shape[2:]) <= 2 * (OUTER + NEXT):
        return image.new_zeros(len(image), dtype=torch.float32)
    return (_contrast(image) - _contrast(photograph)).square().sum(1)


def rings(height: int, width: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Return where the border of a picture is, and where what it is compared with: H×W, boolean."""
    down, across = (torch.arange(n, device=device) for n in (height, width))
    # How far each pixel is from the border.
    far = torch.minimum(
        torch.minimum(down, height - 1 - down)[:, None],
        torch.minimum(across, width - 1 - across),
    )
    return far < OUTER, (far >= OUTER) & (far < OUTER + NEXT)


def _contrast(image: Tensor) -> Tensor:
    """Return how the border differs in mean and in spread: N×2 in −1..1."""
    weights = torch.tensor(LUMINANCE, device=image.device)
    with torch.autocast(image.device.type, enabled=False):
        light = torch.einsum("nchw,c->nhw", image.float(), weights)
        height, width = light.shape[1:]
        border, beside = rings(height, width, image.device)
        outer, inner = _mean_and_spread(light, border), _mean_and_spread(light, beside)
        return (outer - inner) / (outer + inner + 2 * DARK)


def _mean_and_spread(light: Tensor, where: Tensor) -> Tensor:
    # Products with the mask: a GPU would have to wait for an index by it.
    count = where.sum()
    mean = (light * where).sum((1, 2)) / count
    variance = ((light - mean[:, None, None]).square() * where).sum((1, 2)) / (count - 1)
    # The derivative of a square root is infinite at 0.
    return torch.stack([mean, (variance + 1e-8).sqrt()], 1)
