"""A small `compact` network as the exporter writes it, every parameter of it random."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import onnx
from PIL import Image

from styletransfer.checkpoint import TrainedNetwork
from styletransfer.export.graph import build_graph
from styletransfer.images import Pixels
from tests.styletransfer.networks.variants import SMALL, randomized

STYLES = ("identity", "the_scream", "udnie")


@cache
def exported(name: str = "compact", kernels: tuple[int, ...] = (3, 5)) -> Path:
    """The model file, made once for all tests; `kernels` are those of either stage."""
    options = {**SMALL, "coarse_kernels": kernels, "fine_kernels": kernels}
    network = randomized(name, len(STYLES), **(options if name == "compact" else {}))
    path = Path(mkdtemp()) / f"{name}.onnx"
    onnx.save(build_graph(TrainedNetwork(network, name, STYLES, "nothing")), path)
    return path


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    """A picture with detail of several sizes."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // 9 + 1, width // 9 + 1, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height))).astype(int)
    fine = random.integers(-40, 41, (height, width, 3))
    return np.clip(smooth + fine, 0, 255).astype(np.uint8)
