"""Which parameters belong to the styles, and networks of other styles made from them."""

import pytest
import torch

from styletransfer.networks import NETWORKS, build_network
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from styletransfer.networks.style_rows import mix_rows, restyled, shared_and_own, style_tables
from tests.styletransfer.networks.variants import randomized

IMAGE = torch.rand(2, 3, 41, 54, generator=torch.Generator().manual_seed(0))


def one_hot(styles: int, *chosen: int) -> torch.Tensor:
    return torch.eye(styles)[list(chosen)]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_tables_are_those_of_the_norms_and_what_depends_on_no_other(name: str) -> None:
    network = randomized(name, styles=4)
    tables = style_tables(network)
    for path, module in network.named_modules():
        if isinstance(module, ConditionalInstanceNorm2d):
            omitted = 4 - len(module.weight)
            assert tables[f"{path}.weight"] == tables[f"{path}.bias"] == omitted
    # Whatever is not in them is shared: another style's rows don't change an output.
    changed = {
        entry: torch.cat([value[: 3 - tables[entry]], value[3 - tables[entry] :] + 1])
        if entry in tables
        else value
        for entry, value in network.state_dict().items()
    }
    with torch.no_grad():
        before = [network(IMAGE, one_hot(4, s, s)) for s in range(4)]
        network.load_state_dict(changed)
        after = [network(IMAGE, one_hot(4, s, s)) for s in range(4)]
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [True, True, True, False]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_is_shared_or_of_the_styles(name: str) -> None:
    network = build_network(name, 4)
    shared, own = shared_and_own(network)
    assert sorted(shared + own) == sorted(name for name, _ in network.named_parameters())
    assert set(own) == set(style_tables(network)) and shared


@pytest.mark.parametrize("name", NETWORKS)
def test_chosen_styles_are_the_same_to_the_bit(name: str) -> None:
    network = randomized(name, styles=4)
    chosen = restyled(network, one_hot(4, 0, 3, 1))
    assert chosen.styles == 3 and chosen.options == network.options
    with torch.no_grad():
        for new, old in enumerate((0, 3, 1)):
            expected = network(IMAGE, one_hot(4, old, old))
            assert torch.equal(chosen(IMAGE, one_hot(3, new, new)), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_blend_made_a_style_is_that_blend(name: str) -> None:
    network = randomized(name, styles=3)
    blend = torch.tensor([0.0, 0.25, 0.75])
    made = restyled(network, torch.cat([torch.eye(3), blend[None]]))
    with torch.no_grad():
        torch.testing.assert_close(
            made(IMAGE, one_hot(4, 3, 3)), network(IMAGE, blend.expand(2, -1)), rtol=0, atol=1e-5
        )


def test_rows_are_mixed_in_their_tables_alone() -> None:
    tensors = {"table": torch.tensor([[1.0, 2], [3, 4]]), "shared": torch.ones(2, 2)}
    mixture = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 0.5, 0.5]])
    mixed = mix_rows(tensors, {"table": 1}, mixture)
    assert mixed["table"].tolist() == [[3, 4], [2, 3]]
    assert mixed["shared"] is tensors["shared"]


def test_too_few_styles_are_refused() -> None:
    with pytest.raises(ValueError, match="a style beside it"):
        restyled(build_network("compact", 3), one_hot(3, 0))
