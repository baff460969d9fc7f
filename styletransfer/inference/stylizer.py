"""Open a model, and stylize pictures and batches of tensors with it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from styletransfer.errors import ModelError
from styletransfer.export import INPUTS
from styletransfer.images import Array, Picture, Pixels, read_image, to_pixels, to_tensor
from styletransfer.inference import providers
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.model import gallery_path, open_model
from styletransfer.inference.runner import Runner

if TYPE_CHECKING:
    from PIL import Image

    from styletransfer.inference.tiled.network import TiledNetwork


class Stylizer:
    """An open model. Any number of threads may share it.

    A Stylizer can be pickled. The copy opens the model file again, so the file must still exist.

    Attributes:
        styles: Names of the styles; the first is `identity`.
        network: Name of the architecture.
        receptive_field: Side of the square that an output pixel depends on, in pixels.
        trained_on: The photographs that it was trained on.
        provider: Short name of the execution provider, such as `cpu` or `cuda`.
        bytes_per_pixel: Peak memory of a run per pixel; None if the file does not contain it.
        fixed: The numbers of images, rows and columns that it takes; None for any number.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        threads: int | None = None,
        provider: str = providers.AUTO,
    ) -> None:
        """Open a model file.

        Args:
            model: An ONNX file; the default is the shipped gallery.
            threads: Number of CPU threads for one picture; the default is one for each core.
            provider: Short name of an execution provider. `auto` uses a GPU if there is one. If the
                provider cannot be loaded, the CPU is used and a warning is logged.

        Raises:
            ModelError: The file is not a styletransfer model.
            ProviderError: This build of ONNX Runtime does not have the provider.
            ValueError: `threads` is less than 1.
        """
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be 1 or more, not {threads}")
        path = Path(gallery_path() if model is None else model)
        opened = open_model(path, threads=threads, provider=provider)
        self.styles = opened.styles
        self.network = opened.network
        self.receptive_field = opened.receptive_field
        self.trained_on = opened.trained_on
        self.provider = opened.provider
        self.bytes_per_pixel = opened.bytes_per_pixel
        self._path, self._threads = path, threads
        self.fixed = opened.fixed
        self._again = partial(Stylizer, path.absolute(), threads=threads, provider=provider)
        self._run = Runner(opened.session, opened.provider)

    def __reduce__(self) -> tuple[partial[Stylizer], tuple[()]]:
        """Pickle the arguments, because a session cannot be pickled."""
        return self._again, ()

    @overload
    def __call__(
        self, picture: str | PathLike[str] | Image.Image, style: str, strength: float = 1.0
    ) -> Image.Image: ...
    @overload
    def __call__(self, picture: Pixels, style: str, strength: float = 1.0) -> Pixels: ...
    @overload
    def __call__(self, picture: Picture, style: str, strength: float = 1.0) -> Picture: ...

    def __call__(self, picture: Any, style: str, strength: float = 1.0) -> Any:
        """Stylize one picture.

        Args:
            picture: A path, a PIL image, an array (uint8 H×W×3 in sRGB) or a `Picture`. A PIL
                image is taken as upright and in sRGB.
            style: A style, or a blend such as `the_scream:0.6,udnie:0.4`.
            strength: Strength of the style, from 0 (the photograph) to 1.

        Returns:
            A PIL image for a path or a PIL image; otherwise the type of `picture`. It has the size
            and the alpha of the picture.

        Raises:
            StyleError: The style or the strength cannot be used.
            ImageError: The file cannot be read.
            WorkError: ONNX Runtime fails.
        """
        weights = parse_blend(style, self.styles, strength)[np.newaxis]

        def painted(rgb: Pixels) -> Pixels:
            return to_pixels(self.stylize_tensor(to_tensor(rgb), weights))

        if isinstance(picture, Picture):
            return replace(picture, rgb=painted(picture.rgb))
        if isinstance(picture, np.ndarray):
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
                found = f"{_shape(picture)} {picture.dtype}"
                raise ValueError(f"a picture must be an array H×W×3 of uint8, not {found}")
            return painted(picture)
        if isinstance(picture, str | PathLike):
            read = read_image(picture)
            return _to_pil(painted(read.rgb), read.alpha)
        image = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        pixels = np.asarray(image)
        alpha = pixels[..., 3] if image.mode == "RGBA" else None
        result = _to_pil(painted(np.ascontiguousarray(pixels[..., :3])), alpha)
        result.info = dict(picture.info)
        return result

    def stylize_tensor(self, images: Array, weights: Array) -> Array:
        """Stylize a batch of images.

        Args:
            images: float32 N×3×H×W in 0..1.
            weights: float32 N×S, a style row for each image; each sums to 1.

        Returns:
            The stylized images, float32 N×3×H×W in 0..1.

        Raises:
            ValueError: A type, shape or value is wrong.
            WorkError: ONNX Runtime fails.
            ModelError: The model does not accept images of this size.
        """
        _check_images(images)
        _check_weights(weights, len(images), len(self.styles))
        self.check_size(*images.shape[2:])
        batch = self.fixed[0]
        if batch is None or batch == len(images):
            return self._run(dict(zip(INPUTS, (images, weights), strict=True)))
        return np.concatenate(
            [
                self._whole_batch(images[i : i + batch], weights[i : i + batch], batch)
                for i in range(0, len(images), batch)
            ]
        )

    def check_size(self, height: int, width: int) -> None:
        """Refuse a picture of a size that the model does not accept.

        Raises:
            ModelError: The model was exported for another size.
        """
        _, rows, columns = self.fixed
        if (rows or height, columns or width) != (height, width):
            raise ModelError(
                f"{self._path}: takes pictures of {columns or 'any'}×{rows or 'any'} pixels, and "
                f"this one has {width}×{height}; scale it, or use a model for any size"
            )

    def release(self) -> None:
        """Give back the memory that earlier pictures took, unless the model has a fixed size."""
        if not any(self.fixed):
            row = np.eye(1, len(self.styles), dtype=np.float32)
            self._run.release(
                dict(zip(INPUTS, (np.zeros((1, 3, 8, 8), np.float32), row), strict=True))
            )

    def _whole_batch(self, images: Array, weights: Array, batch: int) -> Array:
        """Stylize at most as many images as the model needs; the last is repeated to fill up."""
        places = np.minimum(np.arange(batch), len(images) - 1)
        return self._run({INPUTS[0]: images[places], INPUTS[1]: weights[places]})[: len(images)]

    @cached_property
    def tiled(self) -> TiledNetwork:
        """The network in passes, for `tiling.stylize_tiles`; ModelError if it can't be cut."""
        from styletransfer.inference.tiled.network import TiledNetwork

        return TiledNetwork(self._path, len(self.styles), self._open_part)

    def _open_part(self, model: bytes) -> Any:
        session, _ = providers.open_session(
            model, provider=self.provider, threads=self._threads, shared_memory=True
        )
        return session


def _to_pil(rgb: Pixels, alpha: Pixels | None) -> Image.Image:
    from PIL import Image

    image = Image.fromarray(rgb)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image


def _check_images(images: Array) -> None:
    if images.dtype != np.float32:
        raise ValueError(f"images must be float32, not {images.dtype}")
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise ValueError(f"images must be N×3×H×W, none of them 0, not {_shape(images)}")
    # Not `min < 0 or max > 1`, so that a NaN fails too.
    if not (images.min() >= 0.0 and images.max() <= 1.0):
        raise ValueError(f"images must lie in 0..1, not {images.min():g}..{images.max():g}")


def _check_weights(weights: Array, count: int, styles: int) -> None:
    if weights.dtype != np.float32:
        raise ValueError(f"weights must be float32, not {weights.dtype}")
    if weights.shape != (count, styles):
        raise ValueError(
            f"weights must be {count}×{styles}, a row for each image and a column for each style, "
            f"not {_shape(weights)}"
        )
    if not (weights.min() >= 0.0 and np.allclose(weights.sum(axis=1), 1.0, atol=1e-3)):
        raise ValueError("each row of weights must hold numbers of 0 or more that sum to 1")


def _shape(array: np.ndarray[Any, Any]) -> str:
    return "×".join(map(str, array.shape)) or "a scalar"
