"""What is flat stays flat: no checkerboard, no grid, at the periods that a network could leave.

A wholly flat image is one case, in which every norm has a variance of 0. A flat area beside
something else is the other: there the norms have real statistics, and let a grid through.
"""

import numpy as np
import onnxruntime
import pytest
import torch

from styletransfer.networks import NETWORKS, build_network
from tests.assets import shipped
from tests.styletransfer.networks.variants import randomized

GRAYS = (0.0, 0.2, 0.5, 0.8, 1.0)
SIDE, BORDER = 96, 24
# Farther than any network sees; the widest squares have a side of 208 pixels.
FAR = 112
# Half a step of an 8-bit image: what can't be seen in a file.
LIMIT = 0.5 / 255


def grid_amplitude(images: np.ndarray) -> float:
    """The greatest range of the means of the 64 pixels of an 8×8 cell, N×3×H×W, borders aside.

    Every pattern of period 2, 4 or 8, of rows, columns or both, shows in it.
    """
    inner = images[:, :, BORDER:-BORDER, BORDER:-BORDER].astype(np.float64)
    n, c, h, w = inner.shape
    cells = inner.reshape(n, c, h // 8, 8, w // 8, 8).mean((2, 4)).reshape(n, c, 64)
    return float(np.ptp(cells, axis=2).max())


def beside_noise(level: float, count: int = 1) -> torch.Tensor:
    """Noise, and right of it a flat area that reaches `FAR` + `SIDE` pixels."""
    noise = torch.rand(count, 3, SIDE, 64, generator=torch.Generator().manual_seed(0))
    return torch.cat([noise, torch.full((count, 3, SIDE, FAR + SIDE), level)], dim=3)


def gray(level: float, count: int = 1) -> torch.Tensor:
    return torch.full((count, 3, SIDE, SIDE), level)


@pytest.mark.parametrize("period", [2, 4, 8])
@pytest.mark.parametrize("axis", [2, 3])
def test_the_measure_sees_a_grid(period: int, axis: int) -> None:
    stripes = np.arange(SIDE) % period == 1
    shape = [1, 1, 1, 1]
    shape[axis] = SIDE
    images = np.full((1, 3, SIDE, SIDE), 0.5) + 0.01 * stripes.reshape(shape)
    assert grid_amplitude(images) == pytest.approx(0.01)
    assert grid_amplitude(np.full((1, 3, SIDE, SIDE), 0.5)) == 0


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(2))
def test_untrained(name: str, seed: int) -> None:
    torch.manual_seed(seed)
    network = build_network(name, 2)
    with torch.no_grad():
        for level in GRAYS:
            assert grid_amplitude(network(gray(level), torch.eye(2)[1:]).numpy()) <= LIMIT


@pytest.mark.usefixtures("no_clamp")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(2))
def test_any_parameters(name: str, seed: int) -> None:
    network = randomized(name, styles=3, seed=seed)
    with torch.no_grad():
        for level in GRAYS:
            out = network(gray(level), torch.tensor([[0.0, 0.5, 0.5]]))
            # Colors of any strength, and none of them cut off by a clamp.
            assert np.ptp(out[:, :, SIDE // 2, SIDE // 2].numpy()) > 0.001
            assert grid_amplitude(out.numpy()) <= LIMIT


@pytest.mark.usefixtures("no_clamp")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_flat_area_beside_noise(name: str) -> None:
    network = randomized(name, styles=3)
    with torch.no_grad():
        out = network(beside_noise(0.6), torch.tensor([[0.0, 0.5, 0.5]])).numpy()
    assert out[..., :64].std() > 0.002
    assert grid_amplitude(out[..., -SIDE:]) <= LIMIT


@pytest.mark.parametrize("level", GRAYS)
def test_the_shipped_gallery(level: float) -> None:
    session = onnxruntime.InferenceSession(
        str(shipped("gallery.onnx")), providers=["CPUExecutionProvider"]
    )
    rows = np.eye(session.get_inputs()[1].shape[1], dtype=np.float32)
    for images in (gray(level, len(rows)), beside_noise(level, len(rows))):
        feed = {"image": images.numpy(), "style_weights": rows}
        (stylized,) = session.run(["stylized"], feed)
        amplitudes = [grid_amplitude(one[None, :, :, -SIDE:]) for one in stylized]
        assert max(amplitudes) <= LIMIT, amplitudes
