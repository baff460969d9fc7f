"""Features of a folder of images: the values of one layer, one vector an image, cached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from interp.features.cache import FeatureCache, file_digest
from interp.network.classifier import Classifier
from interp.network.photographs import Images, Report, each_image, read_batches
from interp.network.taps import activations, last_hidden_layer
from styletransfer.errors import RequestError, WorkError

Array = npt.NDArray[np.float32]

PIXEL_SIDE = 32


@dataclass(frozen=True)
class Features:
    """A vector for each image that could be read: `values` is float32 N×D, `paths` its N files."""

    values: Array
    paths: list[Path]


def extract(
    classifier: Classifier,
    images: Images,
    layer: str | None = None,
    *,
    report: Report = print,
    done: Callable[[int], object] = lambda count: None,
) -> Features:
    """The values of `layer` for images, by default of the last hidden layer.

    A map N×C×H×W is averaged over its places, and so are tokens N×T×C. What was computed before
    for the same model, weights, layer and image file comes from the user's cache. What is new is
    added to it, also when the work is interrupted.

    Args:
        classifier: The network.
        images: Files, PIL images, arrays uint8 H×W×3 or tensors in 0..1.
        layer: Name of the layer.
        report: Called with a line for each file that cannot be read, which is left out.
        done: Called with the number of images that have become ready.

    Raises:
        RequestError: An unknown layer.
        WorkError: No image can be read.
    """
    if layer is None:
        side = classifier.size
        layer = last_hidden_layer(classifier, classifier.mean.new_zeros(1, 3, side, side))
    name = layer

    def compute(images: Tensor) -> Tensor:
        return as_vectors(activations(classifier, images, [name])[name], name)

    paths = _as_paths(images)
    if paths is not None:
        return _cached(classifier, paths, name, compute, report, done)
    rows = [(called, compute(pixels)) for _, (called, pixels) in each_image(classifier, images)]
    values = torch.cat([row for _, row in rows]).float().cpu().numpy()
    return Features(values, [Path(called) for called, _ in rows])


def _as_paths(images: Images) -> list[Path] | None:
    """The files, or None where not all of the images are files."""
    if isinstance(images, str | Path):
        return [Path(images)]
    if isinstance(images, Sequence) and all(isinstance(each, str | Path) for each in images):
        return [Path(each) for each in images if isinstance(each, str | Path)]
    return None


def extract_pixels(
    classifier: Classifier,
    paths: Sequence[Path],
    *,
    report: Report = print,
    done: Callable[[int], object] = lambda count: None,
) -> Features:
    """The pixels themselves as features, at 32×32 and in 0..1: 3,072 numbers an image.

    The images are resized and cropped as for `extract`; failures and the cache are the same.
    """

    def compute(images: Tensor) -> Tensor:
        return F.interpolate(images, (PIXEL_SIDE, PIXEL_SIDE), mode="area").flatten(1)

    return _cached(classifier, paths, f"pixels {PIXEL_SIDE}", compute, report, done)


def _cached(
    classifier: Classifier,
    paths: Sequence[Path],
    name: str,
    compute: Callable[[Tensor], Tensor],
    report: Report,
    done: Callable[[int], object],
) -> Features:
    cache = FeatureCache(classifier, name)
    digests = {path: _digest(path) for path in paths}
    fresh = [path for path, digest in digests.items() if digest not in cache.rows]
    done(len(paths) - len(fresh))
    try:
        for indices, images in read_batches(classifier, fresh, report) if fresh else ():
            for index, row in zip(indices, compute(images).float().cpu().numpy(), strict=True):
                cache.rows[digests[fresh[index]]] = row.astype(np.float32)
            done(len(indices))
    except WorkError:
        if len(fresh) == len(digests):
            raise
    finally:
        try:
            cache.save()
        except (OSError, WorkError) as error:
            report(f"these features are not kept for the next time: {error}")
    known = [path for path in paths if digests[path] in cache.rows]
    return Features(np.stack([cache.rows[digests[path]] for path in known]), known)


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return ""  # no row has this key: the reader then says what is wrong with the file


def as_vectors(values: Tensor, layer: str) -> Tensor:
    """N×D of a layer's values: maps and tokens averaged over their places."""
    if values.ndim == 4:
        return values.mean((2, 3))
    if values.ndim == 3:
        return values.mean(1)
    if values.ndim == 2:
        return values
    raise RequestError(f"layer {layer!r} gives {values.ndim} dimensions; name one with 2 to 4")
