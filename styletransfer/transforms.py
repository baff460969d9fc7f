"""Stylization as a torchvision transform, for data augmentation during training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from styletransfer.inference import Stylizer
from styletransfer.inference.blend import parse_blend

__all__ = ["RandomStylize"]


class RandomStylize(v2.Transform):  # type: ignore[misc]
    """Stylize images at random.

    Each call draws one style and one strength from torch's generator, so `torch.manual_seed` and
    the seeds of a DataLoader's workers make them reproducible. Bounding boxes, masks and labels
    are returned unchanged, because stylization moves no pixel. Put this transform before those
    that normalize.

    Inputs are PIL images and image tensors (…×3×H×W, uint8, or floating point in 0..1). The output
    has the type, size and device of the input. All images of a batch get the same style.

    Args:
        styles: Names or blends to draw from; by default every style of the model but `identity`.
        strength: Range to draw the strength from, in 0..1.
        p: Probability that an image is stylized.
        model: An ONNX file; by default the shipped gallery.
        threads: Number of CPU threads that work on one image. DataLoader workers need only 1.

    Raises:
        StyleError: The model does not have a style.
        ModelError: The file is not a styletransfer model.
        ValueError: `strength` or `p` is outside 0..1, or an image does not have 3 channels.

    Reference:
        Geirhos et al. 2019, ImageNet-Trained CNNs Are Biased Towards Texture.
    """

    _transformed_types = (
        Image.Image,
        tv_tensors.Image,
        tv_tensors.Video,
        v2.functional.is_pure_tensor,
    )

    def __init__(
        self,
        styles: Sequence[str] | None = None,
        strength: tuple[float, float] = (0.4, 1.0),
        p: float = 0.5,
        *,
        model: str | Path | None = None,
        threads: int = 1,
    ) -> None:
        super().__init__()
        low, high = strength
        if not 0.0 <= low <= high <= 1.0:
            raise ValueError(f"strength must be a range in 0..1, not {low:g}..{high:g}")
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p must lie in 0..1, not {p:g}")
        self.stylizer = Stylizer(model, threads=threads, provider="cpu")
        self.styles = list(self.stylizer.styles[1:] if styles is None else styles)
        if not self.styles:
            raise ValueError("give at least one style")
        for style in self.styles:
            parse_blend(style, self.stylizer.styles)
        self.strength, self.p = (float(low), float(high)), p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw whether to stylize, the style and the strength."""
        chance, place, share = torch.rand(3).tolist()
        low, high = self.strength
        return {
            "apply": chance < self.p,
            "style": self.styles[int(place * len(self.styles))],
            "strength": low + (high - low) * share,
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Stylize one input with the parameters of `make_params`."""
        if not params["apply"]:
            return inpt
        style, strength = params["style"], params["strength"]
        if isinstance(inpt, Image.Image):
            return self.stylizer(inpt, style, strength).convert(inpt.mode)
        if inpt.ndim < 3 or inpt.shape[-3] != 3:
            raise ValueError(f"an image must have the shape …×3×H×W, not {tuple(inpt.shape)}")
        images = v2.functional.to_dtype(inpt.as_subclass(torch.Tensor), torch.float32, scale=True)
        batch = np.ascontiguousarray(images.cpu().reshape(-1, *inpt.shape[-3:]).numpy())
        row = parse_blend(style, self.stylizer.styles, strength)
        stylized = self.stylizer.stylize_tensor(batch, np.tile(row, (len(batch), 1)))
        result = torch.from_numpy(stylized).reshape(inpt.shape).to(inpt.device)
        result = v2.functional.to_dtype(result, inpt.dtype, scale=True)
        return tv_tensors.wrap(result, like=inpt)
