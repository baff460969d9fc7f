"""Does the ONNX file compute what the network does? On several sizes, odd ones among them."""

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch

from styletransfer.export.checkpoint import TrainedNetwork
from styletransfer.inference.model import INPUTS, OUTPUT

# Batch, height, width: odd, non-square, smaller than the padding, and a single pixel.
SIZES = ((1, 256, 256), (2, 97, 131), (1, 64, 200), (1, 5, 7), (3, 33, 18), (1, 1, 1))
TOLERANCE = 1e-3


class ParityError(Exception):
    """The exported graph differs from the network: one line with size and difference."""


@dataclass(frozen=True)
class Difference:
    """The greatest absolute difference of the two outputs, on images of a size, in 0..1."""

    batch: int
    height: int
    width: int
    greatest: float


def check_parity(
    trained: TrainedNetwork, graph: onnx.ModelProto, seed: int = 0
) -> list[Difference]:
    """Run both on seeded smooth noise at each of `SIZES`, with random blends of all styles.

    Raises ParityError where they differ by more than `TOLERANCE`.
    """
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    generator = torch.Generator().manual_seed(seed)
    differences = []
    for n, h, w in SIZES:
        coarse = torch.rand(n, 3, 2 + h // 8, 2 + w // 8, generator=generator)
        image = torch.nn.functional.interpolate(coarse, (h, w), mode="bilinear")
        rows = torch.rand(n, len(trained.styles), generator=generator)
        rows /= rows.sum(1, keepdim=True)
        with torch.no_grad():
            expected = trained.network(image, rows).numpy()
        feed = dict(zip(INPUTS, (image.numpy(), rows.numpy()), strict=True))
        (actual,) = session.run([OUTPUT], feed)
        difference = Difference(n, h, w, _greatest(actual, expected))
        # Written so that a NaN fails it too.
        if not difference.greatest <= TOLERANCE:
            raise ParityError(
                f"at {n}×3×{h}×{w} the exported graph differs from the network by "
                f"{difference.greatest:.2g}, more than {TOLERANCE}"
            )
        differences.append(difference)
    return differences


def _greatest(actual: np.ndarray, expected: np.ndarray) -> float:
    if actual.shape != expected.shape:
        return float("inf")
    return float(np.abs(actual - expected).max())
