"""Images as the pixels that a classifier takes, one or many."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from interp.files import over_white
from interp.network.classifier import Classifier, as_classifier
from styletransfer.errors import ImageError, RequestError, WorkError
from styletransfer.images import Picture, Pixels, read_image, to_pixels, to_tensor

Report = Callable[[str], object]

# A file, a PIL image, an array uint8 H×W×3, or a tensor C×H×W or N×C×H×W in 0..1.
OneImage = str | Path | Image.Image | npt.NDArray[Any] | Tensor
Images = OneImage | Sequence[OneImage]
# A class by its index or its name, or one for each image.
ClassNames = int | str | Sequence[int | str] | Tensor

BATCH = 16


def read_pixels(classifier: Classifier, path: Path, report: Report = warnings.warn) -> Tensor:
    """One image file: 1×3×size×size in 0..1, resized and cropped as the classifier wants it.

    What a user should know about the decoding goes to `report`, one line each.

    Raises:
        ImageError: The file cannot be read.
    """
    picture = read_image(path)
    for note in picture.notes:
        report(f"{path}: {note}")
    return classifier.preprocess(picture)


def read_batches(
    classifier: Classifier,
    paths: Sequence[Path],
    report: Report = warnings.warn,
    *,
    batch: int = BATCH,
) -> Iterator[tuple[list[int], Tensor]]:
    """Batches of image files: their indices in `paths`, and n×3×size×size in 0..1.

    A file that cannot be read is told to `report` and left out. Only one batch is in memory.

    Raises:
        WorkError: None of `paths` could be read; at the end.
    """
    read = 0
    indices: list[int] = []
    images: list[Tensor] = []
    for index, path in enumerate(paths):
        try:
            images.append(read_pixels(classifier, path, report))
            indices.append(index)
        except ImageError as error:
            report(f"Error: {error}")
        if images and (len(images) == batch or index == len(paths) - 1):
            yield indices, torch.cat(images)
            read += len(images)
            indices, images = [], []
    if not read:
        raise WorkError("none of the images can be read")


def each_image(
    classifier: Classifier, images: Images, report: Report | None = None
) -> Iterator[tuple[int, tuple[str, Tensor]]]:
    """The images one by one: number, name, and pixels 1×C×H×W in 0..1 on the model's device.

    Files, PIL images and arrays are resized and cropped as the classifier wants it; a tensor is
    taken as it is, N×C×H×W as N images.

    Args:
        classifier: Decides on the size.
        images: One image or a sequence: paths of files, PIL images, arrays uint8 H×W×3, or tensors
            in 0..1.
        report: Called with a line for what is odd, and for each file that cannot be read, which is
            left out. Without it such a file raises its ImageError.

    Raises:
        WorkError: Not one of the images can be read.
    """
    several = isinstance(images, Sequence) and not isinstance(images, str)
    listed = cast("Sequence[OneImage]", images if several else [images])
    count, unread = 0, 0
    for image in listed:
        if isinstance(image, Tensor):
            for one in image if image.ndim == 4 else image[None]:
                yield count, (f"image {count}", one[None].to(classifier.mean.device))
                count += 1
            continue
        if isinstance(image, str | Path):
            try:
                pixels = read_pixels(classifier, Path(image), report or warnings.warn)
            except ImageError as error:
                if report is None:
                    raise
                report(f"Error: {error}")
                unread += 1
            else:
                yield count, (str(image), pixels)
        else:
            yield count, (f"image {count}", classifier.preprocess(as_picture(image)))
        count += 1
    if unread == count:
        raise WorkError("none of the images can be read")


def whole_image(model: nn.Module, image: OneImage) -> Tensor:
    """One image at its own size, 1×C×H×W in 0..1 on the model's device; not resized nor cropped."""
    device = as_classifier(model).mean.device
    if isinstance(image, Tensor):
        return (image if image.ndim == 4 else image[None]).to(device)
    picture = read_image(Path(image)) if isinstance(image, str | Path) else as_picture(image)
    return planes_of(over_white(picture)).to(device)


def as_batch(model: nn.Module, images: Images) -> Tensor:
    """Images as N×C×H×W in 0..1 on the model's device; see `each_image`. A tensor keeps its values.

    Raises:
        RequestError: Images of different sizes, which a classifier that does not crop may give.
        ImageError: A file that cannot be read.
    """
    classifier = as_classifier(model)
    if isinstance(images, Tensor):
        return (images if images.ndim == 4 else images[None]).to(classifier.mean.device)
    each = [pixels for _, (_, pixels) in each_image(classifier, images)]
    if len({pixels.shape for pixels in each}) > 1:
        raise RequestError("the images have different sizes; give them one by one")
    return torch.cat(each)


def class_of_each(
    classifier: Classifier, classes: ClassNames | None
) -> Callable[[int], int | None]:
    """What gives the class index of an image by its number, or None where none is given.

    Raises:
        RequestError: A class that the model does not have; an image without a class, when called.
    """
    if classes is None:
        return lambda number: None
    if isinstance(classes, int | str):
        index = classifier.find_class(classes)
        return lambda number: index
    known = [classifier.find_class(wanted) for wanted in list(classes)]

    def index_of(number: int) -> int:
        if number >= len(known):
            raise RequestError(f"there are {len(known)} classes for more images; give each one")
        return known[number]

    return index_of


def as_picture(image: Image.Image | npt.NDArray[Any]) -> Picture:
    """A PIL image, or an array uint8 H×W×3 or H×W, as a `Picture`.

    Raises:
        RequestError: An array of another type or shape.
    """
    if isinstance(image, Image.Image):
        if not image.has_transparency_data:
            return Picture(np.asarray(image.convert("RGB")), None, ())
        both = np.asarray(image.convert("RGBA"))
        return Picture(np.ascontiguousarray(both[..., :3]), both[..., 3], ())
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise RequestError(
            f"an image as an array is uint8 H×W×3, not {image.dtype} "
            f"{'×'.join(map(str, image.shape))}; give values of 0..1 as a tensor 3×H×W"
        )
    return Picture(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2), None, ())


def shown(image: Tensor) -> Pixels:
    """A C×H×W or 1×C×H×W tensor in 0..1 as uint8 H×W×3, clipped, for a figure.

    Other numbers of channels than 3 are shown as their mean, in gray.
    """
    planes = image.detach().float().reshape(-1, *image.shape[-2:])
    if len(planes) != 3:
        planes = planes.mean(0).expand(3, -1, -1)
    return to_pixels(planes.cpu().numpy())


def planes_of(pixels: Pixels) -> Tensor:
    """A picture uint8 H×W×3 as 1×3×H×W in 0..1."""
    return torch.from_numpy(to_tensor(pixels))
