"""Does the ONNX file compute what the network does? On several sizes, odd ones among them."""

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch

from styletransfer.checkpoint import TrainedNetwork
from styletransfer.errors import ParityError
from styletransfer.export.format import INPUTS, OUTPUT
from styletransfer.images import Array

# Batch, height, width: odd, non-square, smaller than the padding, and a single pixel.
SIZES = ((1, 256, 256), (2, 97, 131), (1, 64, 200), (1, 5, 7), (3, 33, 18), (1, 1, 1))
TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2}
# A norm over fewer pixels may magnify the rounding of float16 weights alone beyond the tolerance.
LEAST_PIXELS = {"fp32": 1, "fp16": 256}


@dataclass(frozen=True)
class Difference:
    """The greatest absolute difference of the two outputs, on images of a size, in 0..1."""

    batch: int
    height: int
    width: int
    greatest: float


def check_parity(
    trained: TrainedNetwork, graph: onnx.ModelProto, precision: str = "fp32", seed: int = 0
) -> list[Difference]:
    """Run both on `seeded_feeds` on the CPU, the network in float32.

    Raises ParityError where they differ by more than the `TOLERANCES` of the precision. Images
    below its `LEAST_PIXELS` need only give the right shape, and numbers.
    """
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    differences = []
    for image, rows in seeded_feeds(len(trained.styles), seed):
        with torch.no_grad():
            expected = trained.network(torch.from_numpy(image), torch.from_numpy(rows)).numpy()
        (actual,) = session.run([OUTPUT], dict(zip(INPUTS, (image, rows), strict=True)))
        n, _, h, w = image.shape
        difference = Difference(n, h, w, _greatest(actual, expected))
        tolerance = TOLERANCES[precision] if h * w >= LEAST_PIXELS[precision] else 1.0
        # Written so that a NaN fails it too.
        if not difference.greatest <= tolerance:
            raise ParityError(
                f"at {n}×3×{h}×{w} the exported graph differs from the network by "
                f"{difference.greatest:.2g}, more than {tolerance}"
            )
        differences.append(difference)
    return differences


def seeded_feeds(styles: int, seed: int = 0) -> list[tuple[Array, Array]]:
    """Return smooth noise, N×3×H×W in 0..1, of each of `SIZES`, and random blends, N×`styles`."""
    generator = torch.Generator().manual_seed(seed)
    feeds = []
    for n, h, w in SIZES:
        coarse = torch.rand(n, 3, 2 + h // 8, 2 + w // 8, generator=generator)
        image = torch.nn.functional.interpolate(coarse, (h, w), mode="bilinear")
        rows = torch.rand(n, styles, generator=generator)
        rows /= rows.sum(1, keepdim=True)
        feeds.append((image.numpy(), rows.numpy()))
    return feeds


def _greatest(actual: np.ndarray, expected: np.ndarray) -> float:
    if actual.shape != expected.shape:
        return float("inf")
    return float(np.abs(actual - expected).max())
