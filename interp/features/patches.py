"""The patches of a folder's images that make a channel fire most."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from interp.figures import Cell, table
from interp.network.classifier import Classifier
from interp.network.photographs import Report, read_batches, read_pixels, shown
from interp.network.receptive_field import receptive_fields
from interp.network.taps import activations
from interp.pictures import resized
from styletransfer.errors import RequestError


@dataclass(frozen=True)
class Patches:
    """The strongest patches of K channels, at most k each, the strongest first.

    Attributes:
        channels: The K channels.
        values: float32 K×k.
        images: int64 K×k, indices of files.
        boxes: int64 K×k×4: top, left, bottom and right in the resized and cropped image, bottom
            and right exclusive.
        side: Height and width of the receptive field, which a box at the border does not fill.
        seen: Number of images that could be read.
    """

    channels: list[int]
    values: npt.NDArray[np.float32]
    images: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.int64]
    side: tuple[int, int]
    seen: int


def top_patches(
    classifier: Classifier,
    paths: Sequence[Path],
    layer: str,
    channels: Sequence[int],
    count: int = 9,
    *,
    report: Report = print,
    done: Callable[[int], object] = lambda number: None,
) -> Patches:
    """Where in image files the `channels` of `layer` are greatest, one place an image.

    Each patch is what the place sees: its receptive field. Only the best so far are kept, so the
    number of images is not limited by memory. Of equal values the earlier image, and in it the
    upper left place, goes first.

    Args:
        classifier: The network.
        paths: The image files.
        layer: Name of the layer.
        channels: Its channels.
        count: Number of patches for each channel, at most the number of images.
        report: Called with a line for each file that cannot be read, which is left out.
        done: Called with the number of images that have become ready.

    Raises:
        RequestError: An unknown layer or channel, or a layer that is neither a map nor a vector.
        WorkError: No image can be read.

    Reference: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks",
    section 4.
    """
    field = receptive_fields(classifier, [layer], classifier.size, by_channel=True)[layer]
    values = torch.empty(len(channels), 0)
    images = torch.empty(len(channels), 0, dtype=torch.long)
    places = torch.empty(len(channels), 0, dtype=torch.long)
    seen = 0
    for indices, pixels in read_batches(classifier, paths, report):
        maps = _maps(activations(classifier, pixels, [layer])[layer], layer, channels)
        greatest, where = maps.flatten(2).float().cpu().max(2)  # n×K each
        values = torch.cat([values, greatest.T], 1)
        images = torch.cat([images, torch.tensor(indices).expand(len(channels), -1)], 1)
        places = torch.cat([places, where.T], 1)
        best = values.argsort(dim=1, descending=True, stable=True)[:, :count]
        values, images, places = (kept.gather(1, best) for kept in (values, images, places))
        seen += len(indices)
        done(len(indices))
    if field.boxes.ndim == 4:
        each = field.boxes[list(channels)].reshape(len(channels), -1, 4)
    else:
        each = np.repeat(field.boxes.reshape(1, -1, 4), len(channels), axis=0)
    boxes = np.take_along_axis(each, places.numpy()[..., None], axis=1)
    return Patches(list(channels), values.numpy(), images.numpy(), boxes, field.size, seen)


def draw_patches(
    classifier: Classifier,
    paths: Sequence[Path],
    patches: Patches,
    title: str = "",
    *,
    side: int = 96,
) -> Figure:
    """A row for each channel: its patches with their values, each cut where its image ends."""
    rows: list[list[Cell]] = []
    for channel, values, images, boxes in zip(
        patches.channels, patches.values, patches.images, patches.boxes, strict=True
    ):
        cells: list[Cell] = []
        for value, image, box in zip(values, images, boxes, strict=True):
            pixels = shown(read_pixels(classifier, paths[image], lambda note: None))
            top, left, bottom, right = box
            patch = pixels[top:bottom, left:right]
            scale = side / max(patch.shape[:2])
            height, width = (max(1, round(scale * length)) for length in patch.shape[:2])
            name = f"channel {channel}\n" if not cells else ""
            cells.append((resized(patch, height, width), f"{name}{value:.4g}"))
        rows.append(cells)
    return table(rows, title=title)


def _maps(values: Tensor, layer: str, channels: Sequence[int]) -> Tensor:
    if values.ndim == 2:
        values = values[..., None, None]
    if values.ndim != 4:
        raise RequestError(
            f"layer {layer!r} gives {'×'.join(map(str, values.shape[1:]))}, neither maps nor a "
            "vector; `interp layers` shows the shapes"
        )
    for channel in channels:
        if not 0 <= channel < values.shape[1]:
            raise RequestError(f"{layer} has no channel {channel}, only 0 to {values.shape[1] - 1}")
    return values[:, list(channels)]
