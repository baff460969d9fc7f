"""Find the parameters of a network that have a row for each style, and change the styles."""

from collections.abc import Mapping

import torch
from torch import Tensor

from styletransfer.networks.style_network import StyleNetwork


def style_tables(network: StyleNetwork) -> dict[str, int]:
    """Return the entries of the state dict with one row for each style, such as γ and β.

    They are those that would be longer in a network with one more style.

    Returns:
        By name, the number of first styles without a row: 1 if the identity has no parameters,
        else 0.
    """
    with torch.device("meta"):
        longer = type(network)(network.styles + 1, **network.options).state_dict()
    return {
        name: network.styles - len(value)
        for name, value in network.state_dict().items()
        if value.shape != longer[name].shape
    }


def shared_and_own(network: StyleNetwork) -> tuple[list[str], list[str]]:
    """Return the names of the shared parameters, and of those with a row for each style.

    The optimizer numbers its parameters in this order.
    """
    tables = style_tables(network)
    names = [name for name, _ in network.named_parameters()]
    return [n for n in names if n not in tables], [n for n in names if n in tables]


def mix_rows(
    tensors: Mapping[str, Tensor], tables: Mapping[str, int], mixture: Tensor
) -> dict[str, Tensor]:
    """Return tensors for new styles, each a blend of the old ones.

    Args:
        tensors: Tensors by name. Those that are not in `tables` do not change.
        tables: The tensors with a row for each style, from `style_tables`.
        mixture: New styles × old styles: row i is the blend for the new style i. A one-hot row is
            an exact copy. Style 0 must stay: the first row is [1, 0, …, 0], and the first column
            of the other rows is 0.
    """
    return {
        name: torch.tensordot(mixture[tables[name] :, tables[name] :].to(value), value, 1)
        if name in tables
        else value
        for name, value in tensors.items()
    }


def restyled(network: StyleNetwork, mixture: Tensor) -> StyleNetwork:
    """Return a copy of `network` whose styles are blends of the old ones; see `mix_rows`.

    Raises:
        ValueError: The network cannot have so few styles.
    """
    copy = type(network)(len(mixture), **network.options)
    copy.load_state_dict(mix_rows(network.state_dict(), style_tables(network), mixture))
    return copy.train(network.training)
