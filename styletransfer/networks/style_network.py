"""The interface of the style networks: a map from (image, style_weights) to an image."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

# The name of style 0.
IDENTITY = "identity"


class StyleNetwork(nn.Module, ABC):
    """The base class of the style networks.

    `forward(image, style_weights)` takes images N×3×H×W in 0..1, of any size from 1×1, and style
    rows N×`styles` whose weights sum to 1. It returns N×3×H×W in 0..1.

    Attributes:
        styles: Number of styles, S. Style 0 is the identity.
        options: Options with which `build_network` builds the same network again.
        exact_identity: Whether style 0 returns exactly the image, without training.
        has_draft: Whether the network has a coarse stage that can paint alone, at half size.
        receptive_field: Side in pixels of the largest square of the image on which one output
            pixel depends, apart from the statistics of the norms. The pixel is not exactly in the
            center, because networks work in blocks of pixels.
    """

    has_draft = False
    styles: int
    options: dict[str, Any]
    exact_identity: bool
    receptive_field: int

    @abstractmethod
    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Stylize each image with its row of `style_weights`."""

    def draft(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Paint `image`, half the size of the photograph, with the coarse stage only.

        Raises:
            TypeError: The network does not have one; see `has_draft`.
        """
        raise TypeError(f"{type(self).__name__} has no coarse stage")

    def with_draft(self, image: Tensor, style_weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output and the draft that it revises, which has half the size.

        Raises:
            TypeError: The network does not have one; see `has_draft`.
        """
        raise TypeError(f"{type(self).__name__} has no coarse stage")

    @staticmethod
    def is_coarse(parameter: str) -> bool:
        """Tell whether the parameter of that name belongs to the coarse stage."""
        return parameter.startswith("coarse.")
