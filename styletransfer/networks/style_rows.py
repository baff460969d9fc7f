"""What of a network belongs to its styles, one row to each, and networks of other styles."""

from collections.abc import Mapping

import torch
from torch import Tensor

from styletransfer.networks.style_network import StyleNetwork


def style_tables(network: StyleNetwork) -> dict[str, int]:
    """The entries of `network.state_dict()` that hold one row a style: γ, β and the like.

    The number with each name is that of the first styles that have no row there: 1 where the
    identity has no parameters, else 0. Found by asking which entries another style would make
    longer, so a network need say nothing; it needs `styles` and `options` as `build_network`
    gives them.
    """
    with torch.device("meta"):
        longer = type(network)(network.styles + 1, **network.options).state_dict()
    return {
        name: network.styles - len(value)
        for name, value in network.state_dict().items()
        if value.shape != longer[name].shape
    }


def shared_and_own(network: StyleNetwork) -> tuple[list[str], list[str]]:
    """Names of the parameters that all styles share, and of those with a row a style.

    The optimizer numbers its parameters in this order.
    """
    tables = style_tables(network)
    names = [name for name, _ in network.named_parameters()]
    return [n for n in names if n not in tables], [n for n in names if n in tables]


def mix_rows(
    tensors: Mapping[str, Tensor], tables: Mapping[str, int], mixture: Tensor
) -> dict[str, Tensor]:
    """`tensors` with the rows of those in `tables` mixed anew; the others as they are.

    Row i of `mixture` (new styles × old styles) says of which old styles the new style i is a
    blend. A row that is one-hot copies exactly. `mixture` keeps style 0 for itself: [1, 0, …, 0]
    first, and nothing of it in the other rows.
    """
    return {
        name: torch.tensordot(mixture[tables[name] :, tables[name] :].to(value), value, 1)
        if name in tables
        else value
        for name, value in tensors.items()
    }


def restyled(network: StyleNetwork, mixture: Tensor) -> StyleNetwork:
    """A copy of `network` whose styles are the blends that the rows of `mixture` give.

    Raises ValueError where `network` can't have so few styles.
    """
    copy = type(network)(len(mixture), **network.options)
    copy.load_state_dict(mix_rows(network.state_dict(), style_tables(network), mixture))
    return copy.train(network.training)
