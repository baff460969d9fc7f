"""Building a network by name, and building the same one again."""

import re

import pytest
import torch

from styletransfer.networks import NETWORKS, Compact, Johnson, build_network
from tests.styletransfer.networks.variants import randomised

SMALL = {"channels": 8, "hidden": 12, "stem": 4, "head": 6, "kernels": (3, 7)}


def test_names() -> None:
    assert isinstance(build_network("compact", 2), Compact)
    assert isinstance(build_network("johnson", 2), Johnson)


@pytest.mark.parametrize("name, options", [("compact", {}), ("compact", SMALL), ("johnson", {})])
def test_options_build_the_same_again(name: str, options: dict[str, object]) -> None:
    network = randomised(name, **options)
    again = build_network(name, network.styles, **network.options).eval()
    again.load_state_dict(network.state_dict())
    image, rows = torch.rand(2, 3, 20, 17), torch.tensor([[0.2, 0.3, 0.5], [0, 0, 1]])
    with torch.no_grad():
        assert torch.equal(again(image, rows), network(image, rows))


def test_options_are_plain_enough_for_a_checkpoint() -> None:
    options = build_network("compact", 2, **SMALL).options
    assert options == {**SMALL, "kernels": [3, 7]}
    assert type(options["kernels"]) is list


def test_options_go_to_the_network() -> None:
    shapes = {k: tuple(v.shape) for k, v in build_network("compact", 4, **SMALL).named_parameters()}
    assert shapes["stem.weight"] == (4, 3, 4, 4)
    assert shapes["shrink.weight"] == (8, 4, 3, 3)
    assert shapes["blocks.0.widen.weight"] == (3, 12, 8)
    assert shapes["blocks.1.depthwise.weight"] == (8, 1, 7, 7)
    assert shapes["blocks.1.norm.weight"] == (3, 8)
    assert shapes["paint.weight"] == (3, 6, 5, 5)
    assert "blocks.2.widen.weight" not in shapes


@pytest.mark.parametrize("name", NETWORKS)
def test_a_state_dict_holds_parameters_alone(name: str) -> None:
    network = build_network(name, 3)
    assert network.state_dict().keys() == dict(network.named_parameters()).keys()


def test_unknown_name_is_told_the_choices() -> None:
    with pytest.raises(ValueError, match=r"no network is called 'tiny'; there are compact, johns"):
        build_network("tiny", 2)


@pytest.mark.parametrize(
    "name, styles, options, message",
    [
        ("johnson", 0, {}, "at least one style, not 0"),
        ("compact", 1, {}, "the identity and at least one more style"),
        ("compact", 2, {"kernels": (5, 4)}, "odd and at least 3, not [5, 4]"),
        ("compact", 2, {"kernels": (1, 5)}, "odd and at least 3, not [1, 5]"),
    ],
)
def test_wrong_numbers(name: str, styles: int, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build_network(name, styles, **options)
