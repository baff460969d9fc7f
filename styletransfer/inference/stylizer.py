"""One open model that stylizes tensors and pictures, for as long as a server lives."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styletransfer.images import Picture, to_pixels, to_tensor
from styletransfer.inference import providers
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.model import INPUTS, gallery_path, open_model
from styletransfer.inference.runner import Runner
from styletransfer.inference.tiled.segments import Segments, cut

Tensor = NDArray[np.float32]


class Stylizer:
    """A styletransfer model, ready to run; any number of threads may share one.

    Attributes: `styles`, the names, the first of which is `identity`; `network`, the name of the
    architecture; `receptive_field`, in pixels; `trained_on`, the data it was trained on;
    `provider`, what it runs on, such as `cpu` or `cuda`; `bytes_per_pixel`, the memory that a run
    takes at its peak for a pixel of the picture, None where the file does not say.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        threads: int | None = None,
        provider: str = providers.AUTO,
    ) -> None:
        """Open the ONNX file `model`, or the shipped gallery; ModelError if it is not ours.

        `threads` is how many CPU threads work on one picture; by default one for each core.
        `provider` is what to run on, as `styletransfer.inference.providers` has it: `auto` takes
        a GPU where there is one. Where a provider can't be loaded the CPU is used, which is
        logged as a warning. Raises ProviderError for one that this ONNX Runtime lacks.
        """
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be 1 or more, not {threads}")
        path = gallery_path() if model is None else model
        opened = open_model(path, threads=threads, provider=provider)
        self.styles = opened.styles
        self.network = opened.network
        self.receptive_field = opened.receptive_field
        self.trained_on = opened.trained_on
        self.provider = opened.provider
        self.bytes_per_pixel = opened.bytes_per_pixel
        self._path, self._threads = Path(path), threads
        self._run = Runner(opened.session, opened.provider)

    def stylize_tensor(self, images: Tensor, weights: Tensor) -> Tensor:
        """Stylize a batch: `images` N×3×H×W in 0..1 by `weights` N×S, rows that sum to 1.

        Both are float32, and so is the result, of the shape of `images` and in 0..1. Raises
        ValueError for another dtype, shape or range.
        """
        _check_images(images)
        _check_weights(weights, len(images), len(self.styles))
        return self._run(dict(zip(INPUTS, (images, weights), strict=True)))

    @cached_property
    def segments(self) -> Segments:
        """The network in pieces, for `tiling.stylize_bands`; ModelError if it can't be cut."""
        return cut(self._path, self._open_part)

    def _open_part(self, model: bytes) -> Any:
        session, _ = providers.open_session(
            model, provider=self.provider, threads=self._threads, shared_memory=True
        )
        return session

    def __call__(self, picture: Picture, style: str, strength: float = 1.0) -> Picture:
        """Return `picture` in `style`, a name or a blend; its alpha and notes are carried over.

        `strength` in 0..1 goes from the photograph to the whole style. Raises StyleError.
        """
        weights = parse_blend(style, self.styles, strength)
        stylized = self.stylize_tensor(to_tensor(picture.rgb), weights[np.newaxis])
        return replace(picture, rgb=to_pixels(stylized))


def _check_images(images: Tensor) -> None:
    if images.dtype != np.float32:
        raise ValueError(f"images must be float32, not {images.dtype}")
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise ValueError(f"images must be N×3×H×W, none of them 0, not {_shape(images)}")
    # Written so that a NaN fails it too.
    if not (images.min() >= 0.0 and images.max() <= 1.0):
        raise ValueError(f"images must lie in 0..1, not {images.min():g}..{images.max():g}")


def _check_weights(weights: Tensor, count: int, styles: int) -> None:
    if weights.dtype != np.float32:
        raise ValueError(f"weights must be float32, not {weights.dtype}")
    if weights.shape != (count, styles):
        raise ValueError(
            f"weights must be {count}×{styles}, a row for each image and a column for each style, "
            f"not {_shape(weights)}"
        )
    if not (weights.min() >= 0.0 and np.allclose(weights.sum(axis=1), 1.0, atol=1e-3)):
        raise ValueError("each row of weights must hold numbers of 0 or more that sum to 1")


def _shape(array: Tensor) -> str:
    return "×".join(map(str, array.shape)) or "a scalar"
