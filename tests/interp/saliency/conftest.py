"""A small network and images that every method can explain."""

import pytest
import torch
from torch import Tensor, nn

CLOSE = {"rtol": 1e-5, "atol": 1e-7}


class Plain(nn.Module):
    """All that Captum handles rightly: each ReLU a module of its own, none in place."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 5, 3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3)))


@pytest.fixture
def plain() -> Plain:
    torch.manual_seed(1)
    return Plain().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 12, 14, generator=torch.Generator().manual_seed(0))
