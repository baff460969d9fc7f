"""The style networks: each maps (image, style_weights) to a stylized image."""

from typing import Any

from styletransfer.networks.coarse_to_fine import CoarseToFine
from styletransfer.networks.johnson import Johnson
from styletransfer.networks.style_network import StyleNetwork

# With these widths, the coarse-to-fine network is as fast as `johnson` on a GPU.
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
    """Build a style network.

    Args:
        name: "compact" for a CPU, "large" for a GPU, or "johnson", the published reference.
        styles: Number of styles, including style 0, the identity.
        options: Arguments of the network's class, instead of those of `name`.

    Raises:
        ValueError: The name is unknown, or the number of styles is too small.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    network, widths = NETWORKS[name]
    return network(styles, **{**widths, **options})
