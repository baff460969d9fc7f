"""A file of the weights of a small loss network."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn


def plain_features(architecture: str) -> nn.Sequential:
    """`features` of torchvision's model with random weights, without its large classifier."""
    with torch.device("meta"):
        features: nn.Sequential = getattr(torchvision.models, architecture)(weights=None).features
    features.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in features.parameters():
            std = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim == 4 else 0.1
            parameter.normal_(0, std, generator=generator)
    return features.eval()


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """SqueezeNet 1.1 up to fire3."""
    path = tmp_path / "small.pth"
    features = plain_features("squeezenet1_1")[:5]
    torch.save({f"features.{k}": v for k, v in features.state_dict().items()}, path)
    return path
