"""A network of two convolutions, as users write them."""

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """A small network that views its maps as vectors, and keeps a tensor of its first pass."""

    def __init__(self, channels: int = 3, classes: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 6, 3, padding=1)
        self.relu = nn.ReLU()
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6 * 12 * 12, classes)
        self.kept: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.kept is None:
            self.kept = torch.ones_like(x[:1, :1, :1, :1])
        x = self.relu(self.conv(x * self.kept))
        x = self.relu(self.second(x))
        return self.head(x.view(len(x), -1))


def net(channels: int = 3, classes: int = 4) -> Net:
    torch.manual_seed(0)
    return Net(channels, classes).eval()
