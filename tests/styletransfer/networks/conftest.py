"""Networks without their statistics, and without their clamp."""

import pytest
from torch import Tensor

from styletransfer.networks import coarse_to_fine
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from tests.styletransfer.networks.variants import pointwise


@pytest.fixture
def pointwise_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every norm applies its γ and β only: then a pixel depends on its surroundings alone."""
    monkeypatch.setattr(ConditionalInstanceNorm2d, "forward", pointwise)


@pytest.fixture
def no_clamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stage of `CoarseToFine` paints is returned before it is clamped."""

    def unclamped(x: Tensor) -> Tensor:
        return x

    monkeypatch.setattr(coarse_to_fine, "clamp_unit", unclamped)
