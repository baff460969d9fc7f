"""Muon against PyTorch's own, of matrices alone, its Adam, and the singular value decomposition."""

import pytest
import torch
from torch import Tensor, nn

from styletransfer.networks import build_network
from styletransfer.training.muon import Muon, is_matrix, orthogonal


def gradients(parameter: Tensor, steps: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(1)
    return [torch.randn(parameter.shape, generator=draw) for _ in range(steps)]


def moved(parameter: Tensor, optimizer: torch.optim.Optimizer, grads: list[Tensor]) -> Tensor:
    for grad in grads:
        parameter.grad = grad.view_as(parameter)
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize("shape", [(24, 3, 4, 4), (32, 64, 1, 1), (96, 8, 1, 1), (64, 24, 3, 3)])
def test_a_convolution_moves_as_by_the_muon_of_pytorch(shape: tuple[int, ...]) -> None:
    ours = nn.Parameter(torch.zeros(shape))
    theirs = nn.Parameter(torch.zeros(shape).flatten(1))
    grads = gradients(ours, 6)
    reference = torch.optim.Muon(
        [theirs], lr=1e-2, momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    expected = moved(theirs, reference, grads)
    result = moved(ours, Muon([ours], lr=1e-2), grads).flatten(1)
    # PyTorch's iterates in bfloat16.
    assert (result - expected).norm() < 0.02 * expected.norm()


def test_a_matrix_a_style_moves_as_if_it_were_alone() -> None:
    styles, alone = nn.Parameter(torch.zeros(3, 16, 24)), nn.Parameter(torch.zeros(16, 24, 1, 1))
    grads = gradients(styles, 6)
    grads = [torch.cat([grad[:2], torch.zeros(1, 16, 24)]) for grad in grads]
    result = moved(styles, Muon([styles], lr=1e-2), grads)
    expected = moved(alone, Muon([alone], lr=1e-2), [grad[1] for grad in grads])
    torch.testing.assert_close(result[1], expected[:, :, 0, 0])
    assert not result[2].any()  # a style that was never seen


@pytest.mark.parametrize("shape", [(7,), (5, 16), (64, 1, 5, 5), (3, 32, 5, 5)])
def test_all_else_moves_as_by_adam(shape: tuple[int, ...]) -> None:
    ours, theirs = (nn.Parameter(torch.zeros(shape)) for _ in range(2))
    grads = gradients(ours, 6)
    expected = moved(theirs, torch.optim.Adam([theirs], 1e-2, betas=(0.9, 0.99)), grads)
    torch.testing.assert_close(moved(ours, Muon([ours], lr=1e-2), grads), expected)


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (32, 32)])
def test_orthogonal_keeps_directions_and_levels_what_they_weigh(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    weights = torch.linspace(1, 0.05, len(v))
    inside = u.T @ orthogonal(u * weights @ v) @ v.T
    levels = inside.diagonal()
    assert (levels > 0.6).all() and (levels < 1.3).all()
    assert (inside - torch.diag(levels)).abs().max() < 1e-4


def test_of_nothing_comes_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(8, 8)), torch.zeros(8, 8))
    still = nn.Parameter(torch.ones(8, 8, 1, 1))
    Muon([still]).step()  # no gradient yet
    assert torch.equal(still, torch.ones_like(still))


@pytest.mark.parametrize("name", ["compact", "johnson"])
def test_depthwise_kernels_last_layers_and_styles_are_adams(name: str) -> None:
    parameters = dict(build_network(name, 4).named_parameters())
    matrices = {n for n, p in parameters.items() if is_matrix(p)}
    convolutions = {n for n, p in parameters.items() if p.ndim >= 3}
    ends = ("grow", "paint", "deconv3")
    exempt = {n for n in convolutions if "depthwise" in n or n.startswith(ends)}
    assert matrices == convolutions - exempt


def test_a_state_that_was_saved_goes_on_as_if_it_had_not_stopped() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(8, 16, 3), nn.Conv2d(16, 3, 1))
    grads = [gradients(p, 4) for p in layers.parameters()]

    def steps(optimizer: Muon, which: slice) -> None:
        for step in range(4)[which]:
            for parameter, grad in zip(layers.parameters(), grads, strict=True):
                parameter.grad = grad[step]
            optimizer.step()

    start = {name: value.clone() for name, value in layers.state_dict().items()}
    steps(Muon(layers.parameters()), slice(4))
    through = [p.detach().clone() for p in layers.parameters()]
    layers.load_state_dict(start)
    first, second = Muon(layers.parameters()), Muon(layers.parameters())
    steps(first, slice(2))
    second.load_state_dict(first.state_dict())
    steps(second, slice(2, 4))
    for parameter, expected in zip(layers.parameters(), through, strict=True):
        assert torch.equal(parameter, expected)
