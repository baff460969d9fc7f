"""Check that an ONNX graph computes the same as its network, on several sizes of images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch

from styletransfer.checkpoint import TrainedNetwork
from styletransfer.errors import ParityError
from styletransfer.export import INPUTS, OUTPUT
from styletransfer.images import Array

# Batch, height, width: with odd, non-square and tiny sizes.
SIZES = ((1, 256, 256), (2, 97, 131), (1, 64, 200), (1, 5, 7), (3, 33, 18), (1, 1, 1))
TOLERANCES = {"fp32": 1e-3, "fp16": 2e-2}
# With fewer pixels, a norm may magnify rounding errors beyond the tolerance: the maps of one pixel
# are constant.
LEAST_PIXELS = {"fp32": 2, "fp16": 256}


@dataclass(frozen=True)
class Difference:
    """The greatest difference of two outputs for one size of images.

    Attributes:
        batch: Number of images.
        height: Height in pixels.
        width: Width in pixels.
        greatest: Greatest absolute difference, in 0..1.
    """

    batch: int
    height: int
    width: int
    greatest: float


def check_parity(
    trained: TrainedNetwork,
    graph: onnx.ModelProto,
    precision: str = "fp32",
    seed: int = 0,
    sizes: Sequence[tuple[int, int, int]] = SIZES,
) -> list[Difference]:
    """Run a network and its graph on `seeded_feeds` on the CPU, and compare the outputs.

    Images with fewer pixels than `LEAST_PIXELS` are only checked for shape and NaN.

    Args:
        trained: The network, in float32.
        graph: Its graph.
        precision: Precision of the graph, "fp32" or "fp16"; it decides the tolerance.
        seed: Seed of the images and style rows.
        sizes: Numbers, heights and widths of images to compare.

    Raises:
        ParityError: The outputs differ by more than the tolerance.
    """
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    differences = []
    for image, rows in seeded_feeds(len(trained.styles), seed, sizes):
        with torch.no_grad():
            expected = trained.network(torch.from_numpy(image), torch.from_numpy(rows)).numpy()
        (actual,) = session.run([OUTPUT], dict(zip(INPUTS, (image, rows), strict=True)))
        n, _, h, w = image.shape
        difference = Difference(n, h, w, _greatest(actual, expected))
        tolerance = TOLERANCES[precision] if h * w >= LEAST_PIXELS[precision] else 1.0
        # Not `>`, so that a NaN fails too.
        if not difference.greatest <= tolerance:
            raise ParityError(
                f"at {n}×3×{h}×{w} the exported graph differs from the network by "
                f"{difference.greatest:.2g}, more than {tolerance}"
            )
        differences.append(difference)
    return differences


def seeded_feeds(
    styles: int, seed: int = 0, sizes: Sequence[tuple[int, int, int]] = SIZES
) -> list[tuple[Array, Array]]:
    """Return smooth noise N×3×H×W in 0..1 for each of `sizes`, and random style rows."""
    generator = torch.Generator().manual_seed(seed)
    feeds = []
    for n, h, w in sizes:
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
