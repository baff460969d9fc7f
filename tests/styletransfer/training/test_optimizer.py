"""The optimizer against PyTorch's own Muon and Adam, each on its share of the parameters."""

import copy

import pytest
import torch
from torch import nn

from styletransfer.networks import build_network
from styletransfer.training.optimizer import MuonAndAdam, is_matrix, orthogonalized
from styletransfer.training.schedule import rate_groups

LR, STYLE_LR = 2e-3, 4e-3


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return build_network("compact", 4)


def set_gradients(network: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_matrices_are_the_kernels_that_mix_many_channels(network: nn.Module) -> None:
    matrices = {name for name, p in network.named_parameters() if is_matrix(p)}
    assert "coarse.blocks.0.widen.weight" in matrices
    assert "coarse.shrink.weight" in matrices
    others = {name for name, _ in network.named_parameters()} - matrices
    assert {"coarse.blocks.0.depthwise.weight", "fine.paint.weight", "fine.tint"} <= others
    assert all(name.endswith("weight") for name in matrices)


def test_a_step_is_that_of_muon_for_matrices_and_of_adam_for_the_rest(network: nn.Module) -> None:
    start, twin = copy.deepcopy(network), copy.deepcopy(network)
    ours = MuonAndAdam(rate_groups(network, LR, STYLE_LR))  # type: ignore[arg-type]
    groups = rate_groups(twin, LR, STYLE_LR)  # type: ignore[arg-type]
    matrices = {p: nn.Parameter(p.detach().flatten(1)) for p in twin.parameters() if is_matrix(p)}
    muon = torch.optim.Muon(
        list(matrices.values()), LR, weight_decay=0, adjust_lr_fn="match_rms_adamw"
    )
    rest = [
        {"params": [p for p in group.params if p not in matrices], "lr": group.lr}
        for group in groups
    ]
    adam = torch.optim.Adam(rest)
    for seed in range(4):
        set_gradients(network, seed)
        ours.step()
        set_gradients(twin, seed)
        for parameter, matrix in matrices.items():
            assert parameter.grad is not None
            matrix.grad = parameter.grad.flatten(1)
        muon.step()
        adam.step()
    three = (network.named_parameters(), twin.parameters(), start.parameters())
    for (name, one), other, first in zip(*three, strict=True):
        if other in matrices:
            # CPUs add products of bfloat16 in their own order.
            wanted = matrices[other].view_as(other) - first
            assert (one - first - wanted).norm() < 0.02 * wanted.norm(), name
        else:
            torch.testing.assert_close(one, other, msg=name)


def test_updates_keep_their_singular_vectors_and_get_singular_values_near_one() -> None:
    matrices = torch.randn(3, 40, 96, generator=torch.Generator().manual_seed(0))
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    # In its own basis, the result is a diagonal of numbers near 1.
    within = u.mT @ orthogonalized(matrices).float() @ vh.mT
    diagonal = within.diagonal(dim1=1, dim2=2)
    assert diagonal.min() > 0.5 and diagonal.max() < 1.5
    assert (within - torch.diag_embed(diagonal)).abs().max() < 0.05


def test_a_saved_state_goes_on_as_if_it_had_never_stopped(network: nn.Module) -> None:
    twin = copy.deepcopy(network)
    through = MuonAndAdam(rate_groups(network, LR, STYLE_LR))  # type: ignore[arg-type]
    first = MuonAndAdam(rate_groups(twin, LR, STYLE_LR))  # type: ignore[arg-type]
    for seed in range(4):
        set_gradients(network, seed)
        through.step()
    for seed in range(2):
        set_gradients(twin, seed)
        first.step()
    second = MuonAndAdam(rate_groups(twin, LR, STYLE_LR))  # type: ignore[arg-type]
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for seed in range(2, 4):
        set_gradients(twin, seed)
        second.step()
    for one, other in zip(network.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_state_of_a_run_by_adam_alone_is_taken_over(network: nn.Module) -> None:
    groups = rate_groups(network, LR, STYLE_LR)  # type: ignore[arg-type]
    adam = torch.optim.Adam([{"params": group.params, "lr": group.lr} for group in groups])
    set_gradients(network, 0)
    adam.step()
    ours = MuonAndAdam(groups)
    ours.load_state_dict(adam.state_dict())
    set_gradients(network, 1)
    ours.step()
    for name, parameter in network.named_parameters():
        kept = {"momentum_buffer"} if is_matrix(parameter) else {"exp_avg", "exp_avg_sq"}
        assert ours.state[parameter].keys() == {"step", *kept}, name


def test_a_parameter_without_a_gradient_does_not_move(network: nn.Module) -> None:
    ours = MuonAndAdam(rate_groups(network, LR, STYLE_LR))  # type: ignore[arg-type]
    set_gradients(network, 0)
    for name, parameter in network.named_parameters():
        if name.startswith("fine."):
            parameter.grad = None
    before = copy.deepcopy(network.state_dict())
    ours.step()
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith("fine."), name
