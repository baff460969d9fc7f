"""The gradients of a batch of crops, in parts where the memory of a GPU asks for it."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from styletransfer.errors import WorkError


class Crops(NamedTuple):
    """Photographs N×3×H×W in 0..1, and their content targets at size 1 and `DRAFT_SIZE`."""

    images: Tensor
    content: dict[int, Tensor]

    def divided(self, parts: int) -> "list[Crops]":
        """Return parts of the batch, with the same number of photographs."""
        images = self.images.chunk(parts)
        content = {n: target.chunk(parts) for n, target in self.content.items()}
        return [
            Crops(image, {n: targets[part] for n, targets in content.items()})
            for part, image in enumerate(images)
        ]


class Gradients:
    """Adds up the gradients of batches. One that is too large for a GPU is done in parts."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._parts = 1

    def add(self, crops: Crops, loss: Callable[[Crops], Tensor]) -> float:
        """Add the gradient of `loss`, a mean over photographs, and return its value.

        Raises:
            WorkError: There is no memory for a single crop.
        """
        while True:
            try:
                total = 0.0
                for part in crops.divided(self._parts):
                    value = loss(part) / self._parts
                    value.backward()  # type: ignore[no-untyped-call]
                    total += value.item()
                return total
            except torch.OutOfMemoryError as error:
                where, count = crops.images.device, len(crops.images)
                if self._parts == count:
                    side = crops.images.shape[-1]
                    raise WorkError(
                        f"{where}: out of memory with one crop of {side} pixels; take --device cpu"
                    ) from error
            self._optimizer.zero_grad()
            self._parts = min(2 * self._parts, count)
            line = f"{where}: out of memory; {count} crops are done in {self._parts} parts"
            tqdm.write(line, file=sys.stderr)
