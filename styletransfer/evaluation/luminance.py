"""The brightness of a picture, of which most measures are taken."""

import torch
from torch import Tensor

from styletransfer.losses.perceptual import LUMINANCE


def luminance(image: Tensor) -> Tensor:
    """The luminance (Rec. 709) of `image`, 1×3×H×W in 0..1: H×W in float64."""
    weights = torch.tensor(LUMINANCE, dtype=torch.float64, device=image.device)
    return torch.einsum("chw,c->hw", image[0].double(), weights)
