"""Conditional instance norm against torch's own instance norm."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d

CHANNELS, STYLES = 5, 4


@pytest.fixture
def norm() -> ConditionalInstanceNorm2d:
    torch.manual_seed(0)
    norm = ConditionalInstanceNorm2d(CHANNELS, STYLES)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


@pytest.fixture
def x() -> Tensor:
    return 3 + 2 * torch.randn(3, CHANNELS, 6, 7, generator=torch.Generator().manual_seed(1))


def plain(x: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5) -> Tensor:
    """torch's own instance norm of one γ and β, each C numbers."""
    reference = nn.InstanceNorm2d(len(gamma), eps=eps, affine=True)
    reference.load_state_dict({"weight": gamma, "bias": beta})
    return reference(x)


@pytest.mark.parametrize("style", range(STYLES))
def test_one_style_is_torchs_instance_norm(
    norm: ConditionalInstanceNorm2d, x: Tensor, style: int
) -> None:
    rows = torch.eye(STYLES)[[style] * len(x)]
    assert_close(norm(x, rows), plain(x, norm.weight[style], norm.bias[style]))


def test_each_sample_has_its_own_blend(norm: ConditionalInstanceNorm2d, x: Tensor) -> None:
    rows = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0, 1, 0, 0], [0.5, 0, 0, 0.5]])
    out = norm(x, rows)
    for sample, row in enumerate(rows):
        gamma = sum(w * norm.weight[s] for s, w in enumerate(row.tolist()))
        beta = sum(w * norm.bias[s] for s, w in enumerate(row.tolist()))
        one = slice(sample, sample + 1)
        assert_close(out[one], plain(x[one], gamma, beta))


def test_eps(x: Tensor) -> None:
    norm = ConditionalInstanceNorm2d(CHANNELS, 1, eps=0.5)
    ones, zeros = torch.ones(CHANNELS), torch.zeros(CHANNELS)
    assert_close(norm(x, torch.ones(3, 1)), plain(x, ones, zeros, eps=0.5))


def test_new_layer_only_normalizes(x: Tensor) -> None:
    out = ConditionalInstanceNorm2d(CHANNELS, 2)(x, torch.tensor([[0.25, 0.75]] * 3))
    assert_close(out.mean((2, 3)), torch.zeros(3, CHANNELS), atol=1e-5, rtol=0)
    assert_close(out.var((2, 3), correction=0), torch.ones(3, CHANNELS), atol=1e-4, rtol=0)


def test_one_pixel_becomes_beta(norm: ConditionalInstanceNorm2d) -> None:
    out = norm(torch.rand(1, CHANNELS, 1, 1), torch.eye(STYLES)[:1])
    assert_close(out.flatten(), norm.bias[0], atol=1e-4, rtol=0)


def test_half_precision_input_has_float32_statistics(norm: ConditionalInstanceNorm2d) -> None:
    # 8 bits of mantissa can neither add up 4096 numbers of about 200 nor square them.
    half = (200 + 4 * torch.randn(2, CHANNELS, 64, 64)).bfloat16()
    rows = torch.tensor([[0.3, 0.7, 0, 0], [0, 0.1, 0.2, 0.7]])
    out = norm(half, rows)
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, norm(half.float(), rows).bfloat16())


def test_autocast_changes_nothing(norm: ConditionalInstanceNorm2d, x: Tensor) -> None:
    rows = torch.tensor([[0.3, 0.7, 0, 0]] * 3)
    with torch.autocast("cpu", torch.bfloat16):
        out = norm(x, rows)
    assert out.dtype == torch.float32
    assert torch.equal(out, norm(x, rows))


def test_gradients_reach_the_chosen_styles_only(norm: ConditionalInstanceNorm2d, x: Tensor) -> None:
    norm(x, torch.eye(STYLES)[[1, 1, 3]]).square().sum().backward()
    for gradient in (norm.weight.grad, norm.bias.grad):
        assert gradient is not None
        assert (gradient[[1, 3]] != 0).all()
        assert (gradient[[0, 2]] == 0).all()


def test_plain_and_old_state_dicts_load(x: Tensor) -> None:
    old = nn.InstanceNorm2d(CHANNELS, affine=True, track_running_stats=True)
    nn.init.normal_(old.weight)
    nn.init.normal_(old.bias)
    state = old.state_dict()
    assert {"running_mean", "running_var", "num_batches_tracked"} < state.keys()

    norm = ConditionalInstanceNorm2d(CHANNELS, 1)
    norm.load_state_dict(state)
    assert_close(norm(x, torch.ones(3, 1)), plain(x, old.weight, old.bias))
    # The caller's own dictionary is left as it was.
    assert "running_mean" in state
    assert state["weight"].shape == (CHANNELS,)


def test_only_those_old_entries_are_ignored() -> None:
    state = ConditionalInstanceNorm2d(CHANNELS, 1).state_dict()
    with pytest.raises(RuntimeError, match="running_men"):
        ConditionalInstanceNorm2d(CHANNELS, 1).load_state_dict(
            {**state, "running_men": torch.zeros(CHANNELS)}
        )


@pytest.mark.parametrize("shape", [(CHANNELS,), (STYLES, CHANNELS + 1), (STYLES + 1, CHANNELS)])
def test_another_shape_is_an_error(shape: tuple[int, ...]) -> None:
    state = {"weight": torch.zeros(shape), "bias": torch.zeros(shape)}
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        ConditionalInstanceNorm2d(CHANNELS, STYLES).load_state_dict(state)


def test_no_style_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one style, not 0"):
        ConditionalInstanceNorm2d(CHANNELS, 0)
