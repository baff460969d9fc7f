"""How well each block of a sample suits, for all blocks at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Demand:
    """What a block is to look like in some planes of the sample.

    planes: which of them, C.
    target: C×b×b, values in 0..255.
    weights: b×b, whole numbers of 0 or more: how much each pixel counts.
    """

    planes: slice
    target: npt.NDArray[np.uint8]
    weights: Integers


class BlockSearch:
    """The blocks of b×b pixels of a sample, given as planes P×H×W of values in 0..255.

    Sums of squared differences are correlations, computed by FFT and rounded: they are whole
    numbers, far below what float64 resolves, so the result is exact and the same on every machine.
    """

    def __init__(self, planes: npt.NDArray[np.uint8], block: int) -> None:
        self.block = block
        self.positions = planes.shape[1] - block + 1, planes.shape[2] - block + 1
        self._shape = fft.next_fast_len(planes.shape[1]), fft.next_fast_len(planes.shape[2], True)
        values = planes.astype(np.float64)
        self._values = fft.rfft2(values, self._shape)
        self._squares = fft.rfft2(values**2, self._shape)
        self._sums: dict[tuple[int | None, int | None, bytes], Integers] = {}

    def costs(self, demands: Sequence[Demand]) -> Integers:
        """Σ weight · (block − target)² over the demands, for each place of the block's corner.

        Returns (H − b + 1)×(W − b + 1). The cost of the same demands in other words is the same.
        """
        total = np.zeros(self.positions, np.int64)
        pull = np.zeros((len(self._values), self.block, self.block))
        for demand in demands:
            target = demand.target.astype(np.int64)
            weighted = demand.weights * target
            pull[demand.planes] += weighted
            total += self._squared(demand) + (weighted * target).sum()
        wanted = np.flatnonzero(pull.any(axis=(1, 2)))
        return total - 2 * self._correlated(self._values[wanted], pull[wanted])

    def _squared(self, demand: Demand) -> Integers:
        """Σ weight · block²; the weights are few, and each is looked at once."""
        key = demand.planes.start, demand.planes.stop, demand.weights.tobytes()
        if key not in self._sums:
            squares = self._squares[demand.planes].sum(axis=0, keepdims=True)
            self._sums[key] = self._correlated(squares, demand.weights[None].astype(np.float64))
        return self._sums[key]

    def _correlated(
        self, spectra: npt.NDArray[np.complex128], blocks: npt.NDArray[np.float64]
    ) -> Integers:
        # What lies below the block is zero: only its own rows are transformed before the columns.
        # An inverse transform without its factor is the conjugate of that of the conjugate.
        rows = fft.rfft(blocks, self._shape[1]).conj()
        conjugates = fft.ifft(rows, self._shape[0], axis=1, norm="forward")
        correlation = fft.irfft2((spectra * conjugates).sum(axis=0), self._shape)
        valid = correlation[: self.positions[0], : self.positions[1]]
        whole: Integers = np.rint(valid).astype(np.int64)
        return whole
