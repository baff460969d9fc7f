"""The feed-forward networks, each a map (image, style_weights) → stylized."""

from typing import Any

from torch import nn

from styletransfer.networks.compact import Compact
from styletransfer.networks.johnson import Johnson

NETWORKS: dict[str, type[Compact] | type[Johnson]] = {"compact": Compact, "johnson": Johnson}

__all__ = ["NETWORKS", "Compact", "Johnson", "build_network"]


def build_network(name: str, styles: int, **options: Any) -> nn.Module:
    """Build the network called `name` for `styles` styles, the identity (style 0) counted.

    The result maps `image` (N×3×H×W in 0..1) and `style_weights` (N×styles, rows sum to 1) to
    `stylized`, which has the shape of `image` and values in 0..1. `options` go to the network.

    The result has `styles`; `options`, with which this function builds the same again;
    `exact_identity`, whether style 0 returns the image itself, untrained; and `receptive_field`,
    the side in pixels of the largest square of the image on which, apart from the statistics of
    the norms, one pixel of the output depends. It is not quite centred on that pixel: the
    networks work in cells of 4×4 pixels, counted from the top left.

    Raises:
        ValueError: there is no network of that name, or no such number of styles.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    return NETWORKS[name](styles, **options)
