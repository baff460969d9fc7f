"""What every network here is: a map (image, style_weights) → stylized."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

# The name of style 0.
IDENTITY = "identity"


class StyleNetwork(nn.Module, ABC):
    """The interface of the feed-forward networks.

    `forward(image, style_weights)` takes images N×3×H×W in 0..1, of any size from 1×1, and style
    rows N×`styles` whose weights sum to 1. It returns N×3×H×W in 0..1.

    Attributes:
        styles: Number of styles, S. Style 0 is the identity.
        options: The arguments with which `build_network` builds the same network again.
        exact_identity: Whether style 0 returns the image itself, without training.
        has_draft: Whether the network has a coarse stage that paints by itself, at half size.
        receptive_field: Side in pixels of the largest square of the image on which one pixel of
            the output depends, apart from the statistics of the norms. The square is not quite
            centered on that pixel: networks work in cells of pixels, counted from the top left.
    """

    has_draft = False
    styles: int
    options: dict[str, Any]
    exact_identity: bool
    receptive_field: int

    @abstractmethod
    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Stylize `image` with the blends that the rows of `style_weights` give."""

    def draft(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Paint `image`, half the size of the photograph, with the coarse stage alone.

        Only a network that `has_draft` does.
        """
        raise TypeError(f"{type(self).__name__} has no coarse stage")

    @staticmethod
    def is_coarse(parameter: str) -> bool:
        """Whether the parameter of that name belongs to the coarse stage."""
        return parameter.startswith("coarse.")
