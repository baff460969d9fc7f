"""Building a network by name, and building the same one again."""

import re

import pytest
import torch

from styletransfer.networks import NETWORKS, CoarseToFine, Johnson, build_network
from tests.styletransfer.networks.variants import SMALL, randomized


def test_names() -> None:
    assert isinstance(build_network("compact", 2), CoarseToFine)
    assert isinstance(build_network("large", 2), CoarseToFine)
    assert isinstance(build_network("johnson", 2), Johnson)


def test_large_is_wider_than_compact_at_every_convolution() -> None:
    compact, large = (build_network(name, 2).state_dict() for name in ("compact", "large"))
    assert compact.keys() == large.keys()
    for name, value in compact.items():
        assert large[name].numel() > value.numel() or len(value) == 3 or "tint" in name, name


@pytest.mark.parametrize(
    "name, options", [("compact", {}), ("compact", SMALL), ("large", SMALL), ("johnson", {})]
)
def test_options_build_the_same_again(name: str, options: dict[str, object]) -> None:
    network = randomized(name, **options)
    again = build_network(name, network.styles, **network.options).eval()
    again.load_state_dict(network.state_dict())
    image, rows = torch.rand(2, 3, 20, 17), torch.tensor([[0.2, 0.3, 0.5], [0, 0, 1]])
    with torch.no_grad():
        assert torch.equal(again(image, rows), network(image, rows))


def test_options_are_plain_enough_for_a_checkpoint() -> None:
    options = build_network("compact", 2, **SMALL).options
    assert options == {**SMALL, "coarse_kernels": [3, 5], "fine_kernels": [5]}
    assert type(options["coarse_kernels"]) is type(options["fine_kernels"]) is list
    # The widths of a name are written down with the rest.
    assert build_network("large", 2).options["coarse_channels"] == 256


def test_options_go_to_the_network() -> None:
    shapes = {k: tuple(v.shape) for k, v in build_network("compact", 4, **SMALL).named_parameters()}
    assert shapes["coarse.stem.weight"] == (4, 3, 4, 4)
    assert shapes["coarse.shrink.weight"] == (8, 4, 3, 3)
    assert shapes["coarse.blocks.0.widen.weight"] == (12, 8, 1, 1)
    assert shapes["coarse.blocks.1.depthwise.weight"] == (8, 1, 5, 5)
    assert shapes["coarse.blocks.1.norm.weight"] == (3, 8)
    assert shapes["coarse.paint.weight"] == (3, 6, 5, 5)
    assert shapes["fine.shrink.weight"] == (6, 4, 3, 3)
    assert shapes["fine.blocks.0.depthwise.weight"] == (6, 1, 5, 5)
    assert shapes["fine.blocks.0.widen.weight"] == (10, 6, 1, 1)
    assert shapes["fine.draft_stem.weight"] == (4, 3, 2, 2)
    assert not {"coarse.blocks.2.widen.weight", "fine.blocks.1.widen.weight"} & shapes.keys()
    assert not {"coarse.draft_stem.weight", "coarse.enlarge.weight"} & shapes.keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_state_dict_holds_parameters_alone(name: str) -> None:
    network = build_network(name, 3)
    assert network.state_dict().keys() == dict(network.named_parameters()).keys()


def test_a_network_without_a_coarse_stage_cannot_draft() -> None:
    network = build_network("johnson", 2)
    assert not network.has_draft and build_network("compact", 2).has_draft
    with pytest.raises(TypeError, match="Johnson has no coarse stage"):
        network.draft(torch.rand(1, 3, 8, 8), torch.eye(2)[1:])
    with pytest.raises(TypeError, match="no coarse stage"):
        network.with_draft(torch.rand(1, 3, 8, 8), torch.eye(2)[1:])


def test_unknown_name_is_told_the_choices() -> None:
    choices = "no network is called 'tiny'; there are compact, large, johnson"
    with pytest.raises(ValueError, match=choices):
        build_network("tiny", 2)


@pytest.mark.parametrize(
    "name, styles, options, message",
    [
        ("johnson", 0, {}, "at least one style, not 0"),
        ("compact", 1, {}, "the identity and a style beside it"),
        ("compact", 2, {"coarse_kernels": (5, 4)}, "odd and at least 3"),
        ("compact", 2, {"fine_kernels": (1, 5)}, "odd and at least 3"),
    ],
)
def test_wrong_numbers(name: str, styles: int, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build_network(name, styles, **options)
