"""Muon: momentum made orthogonal, for the weights that are matrices; Adam for all others."""

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor

# Quintic Newton-Schulz coefficients of Jordan et al.: steep at 0, and near 1 soon enough.
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# The first and last layers of a network, narrower than this, are left to Adam.
LEAST_RANK = 8
# Root mean square of Adam's updates by its learning rate, as Liu et al. found it.
ADAM_RMS = 0.2


class Muon(torch.optim.Optimizer):
    """Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".

    The weight of a convolution is the matrix from a patch (in·k·k) to the output channels; of a
    conditional pointwise convolution, one matrix a style. Its
    momentum is replaced by the nearest orthogonal matrix, which moves all directions that the
    gradients know by as much, and not the loudest alone. The step is then scaled to the size
    that Adam's has (Liu et al. 2025, "Muon is scalable for LLM training"), so that one learning
    rate serves both. Adam moves the rest: biases, γ and β, depthwise kernels, and layers of fewer
    than 8 channels.

    Args:
        params: parameters, or groups of them, as every optimiser takes.
        lr: learning rate.
        momentum: of the matrices.
        betas, eps: of Adam.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 5e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps})

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step; returns what `closure` did, which computes the gradients anew."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                move = self._by_momentum if is_matrix(parameter) else self._by_adam
                parameter.sub_(group["lr"] * move(parameter, group))
        return loss

    def _by_momentum(self, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        state, grad, momentum = self.state[parameter], parameter.grad, group["momentum"]
        assert grad is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].mul_(momentum).add_(grad)
        # Nesterov's: where the momentum will have led after this gradient.
        ahead = grad + momentum * state["momentum"]
        matrix = orthogonal(ahead.flatten(1) if ahead.ndim == 4 else ahead)
        scale: float = ADAM_RMS * max(matrix.shape[-2:]) ** 0.5
        return (scale * matrix).view_as(parameter)

    def _by_adam(self, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        state, grad, (beta1, beta2) = self.state[parameter], parameter.grad, group["betas"]
        assert grad is not None
        if "step" not in state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        step = state["step"].item()
        state["exp_avg"].lerp_(grad, 1 - beta1)
        state["exp_avg_sq"].lerp_(grad.square(), 1 - beta2)
        spread = (state["exp_avg_sq"] / (1 - beta2**step)).sqrt() + group["eps"]
        update: Tensor = state["exp_avg"] / (1 - beta1**step) / spread
        return update


def is_matrix(parameter: Tensor) -> bool:
    """Whether Muon moves it: the weight of a convolution over channels, of at least 8 each way.

    One of three dimensions is a matrix a style.
    """
    if parameter.ndim == 3:
        return min(parameter.shape[1:]) >= LEAST_RANK
    if parameter.ndim != 4 or parameter.shape[1] == 1:
        return False
    return min(parameter.shape[0], parameter[0].numel()) >= LEAST_RANK


def orthogonal(matrices: Tensor) -> Tensor:
    """Near to the closest matrix of orthonormal rows or columns: singular values in 0.7..1.2.

    Of each of the matrices …×M×N. Five Newton-Schulz iterations, no decomposition; singular
    values far below the greatest stay below 1.
    """
    a, b, c = QUINTIC
    x = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = x.mT if tall else x
    return result
