"""The clamp that training can leave again: its gradients by hand."""

import torch
from torch.testing import assert_close

from styletransfer.networks.clamp import clamp_unit

# Value, gradient from above, gradient that passes. Descent goes against the gradient.
CASES = torch.tensor(
    [
        (0.5, 2.0, 2.0),  # inside
        (0.5, -2.0, -2.0),
        (0.0, 2.0, 2.0),  # on the edge, which is inside
        (1.0, -2.0, -2.0),
        (-0.5, -2.0, -2.0),  # outside, and descent leads back
        (1.5, 2.0, 2.0),
        (-0.5, 2.0, 0.0),  # outside, and descent leads further
        (1.5, -2.0, 0.0),
    ]
)


def test_forward_is_a_clamp() -> None:
    x = torch.linspace(-1, 2, 31, requires_grad=True)
    assert torch.equal(clamp_unit(x), x.clamp(0, 1))


def test_gradients_by_hand() -> None:
    x, above, expected = CASES.unbind(1)
    x = x.clone().requires_grad_()
    clamp_unit(x).backward(above)
    assert_close(x.grad, expected)


def test_descent_brings_a_burnt_out_pixel_back() -> None:
    x = torch.tensor([1.8, -0.9], requires_grad=True)
    target = torch.tensor([0.25, 0.75])
    for _ in range(200):
        loss = (clamp_unit(x) - target).square().sum()
        (gradient,) = torch.autograd.grad(loss, x)
        x = (x - 0.1 * gradient).detach().requires_grad_()
    assert_close(x, target)


def test_without_gradients_it_is_a_plain_clamp() -> None:
    x = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    with torch.no_grad():
        out = clamp_unit(x)
    assert out.tolist() == [0, 0.5, 1]
    assert not out.requires_grad
    assert clamp_unit(x.detach()).tolist() == [0, 0.5, 1]
