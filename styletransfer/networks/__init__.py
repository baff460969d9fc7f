"""The feed-forward networks, each a map (image, style_weights) → stylized."""

from typing import Any

from styletransfer.networks.coarse_to_fine import CoarseToFine
from styletransfer.networks.johnson import Johnson
from styletransfer.networks.style_network import StyleNetwork

# The widths with which the coarse-to-fine network takes no longer than `johnson` on a GPU.
LARGE = {
    "coarse_channels": 256,
    "coarse_hidden": 512,
    "fine_channels": 96,
    "fine_hidden": 192,
    "stem": 32,
    "head": 64,
}
NETWORKS: dict[str, tuple[type[StyleNetwork], dict[str, Any]]] = {
    "compact": (CoarseToFine, {}),
    "large": (CoarseToFine, LARGE),
    "johnson": (Johnson, {}),
}

__all__ = ["NETWORKS", "CoarseToFine", "Johnson", "StyleNetwork", "build_network"]


def build_network(name: str, styles: int, **options: Any) -> StyleNetwork:
    """Build the network called `name` for `styles` styles, the identity (style 0) counted.

    Args:
        name: "compact" for a CPU, "large" for a GPU, or "johnson", the published reference.
        styles: S, at least 2 where the identity needs no training.
        options: Further arguments of the network's class, in place of those that the name gives.

    Raises:
        ValueError: There is no network of that name, or no such number of styles.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    network, widths = NETWORKS[name]
    return network(styles, **{**widths, **options})
