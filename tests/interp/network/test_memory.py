"""Memory: what there is of it, and images that would need more."""

import pytest
import torch

from interp.network import memory
from interp.network.memory import require_gradient_memory
from styletransfer.errors import RequestError


def test_what_does_not_fit_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(image: torch.Tensor) -> torch.Tensor:
        return image.sin().exp().sum()  # keeps its input and its result: two images

    per_pixel = 3 * (2 * 3 * 4)
    monkeypatch.setattr(memory, "available_memory", lambda: per_pixel * 400 * 200)
    require_gradient_memory(evaluate, 200, 400)
    with pytest.raises(RequestError, match=r"800×400 pixels needs .* that fits is 400×200$"):
        require_gradient_memory(evaluate, 400, 800)


def test_available_memory_is_no_more_than_there_is() -> None:
    import psutil

    assert 0 < memory.available_memory() <= psutil.virtual_memory().total
