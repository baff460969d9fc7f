"""What the tests of `interp` share: pictures, a small network, a cache of their own."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from interp.network.classifier import Classifier


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that is empty, and not the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "interp"


class SmallNet(nn.Module):
    """In-place and functional ReLUs, a module that is called twice, one that never is."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.idle = nn.Linear(2, 2)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.first(x)))
        x = self.relu(self.second(x))
        x = F.relu(x - 0.01, inplace=True)
        return self.head(self.drop(x.mean((2, 3))))


@pytest.fixture
def classifier() -> Classifier:
    torch.manual_seed(0)
    names = ("tiger", "tiger cat", "tabby", "Pembroke Welsh Corgi", "Cardigan Welsh Corgi")
    return Classifier(SmallNet().eval(), names=names, size=24, resize=28, mean=(0.5, 0.4, 0.3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve small photographs of noise and color, in two sub-folders."""
    random = np.random.default_rng(0)
    for index in range(12):
        path = tmp_path / "photos" / ("red" if index % 2 else "blue") / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 128, (30 + index, 40, 3), np.uint8)
        pixels[..., 0 if index % 2 else 2] += np.uint8(100)
        Image.fromarray(pixels).save(path)
    return tmp_path / "photos"
