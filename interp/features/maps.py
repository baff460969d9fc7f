"""The maps of a layer's channels for one image: where in it each channel fires."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor, nn

from interp.figures import Cell, table
from interp.network.photographs import Images, as_batch
from interp.network.taps import activations
from interp.pictures import fitted, resized, to_gray
from styletransfer.errors import RequestError
from styletransfer.images import Pixels


def activation_maps(model: nn.Module, image: Images, layer: str) -> Tensor:
    """The values C×H×W of `layer` for one image.

    Raises:
        RequestError: An unknown layer, or one without channels and places.

    Reference: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks".
    """
    values = activations(model, as_batch(model, image), [layer])[layer]
    if values.ndim != 4:
        raise RequestError(
            f"layer {layer!r} gives {'×'.join(map(str, values.shape[1:]))}, no maps; "
            "`interp layers` shows which have C×H×W"
        )
    return values[0].float()


def strongest_channels(maps: Tensor) -> list[int]:
    """The channels of C×H×W maps by their mean absolute value, the greatest first."""
    return maps.abs().mean((1, 2)).argsort(descending=True, stable=True).tolist()


def draw_activation_maps(
    photograph: Pixels,
    maps: Tensor,
    channels: Sequence[int],
    title: str = "",
    *,
    columns: int = 8,
    side: int = 112,
) -> Figure:
    """The photograph, then the maps of `channels`, each gray from its least to its greatest value.

    Below each stand the channel, and its least and greatest value.
    """
    cells: list[Cell] = [(fitted(photograph, side), "image")]
    for channel in channels:
        tile = to_gray(maps[channel].cpu().numpy())
        scale = side / max(tile.shape[:2])
        size = [max(1, round(scale * length)) for length in tile.shape[:2]]
        low, high = (float(value) for value in maps[channel].aminmax())
        caption = f"channel {channel}\n{low:.4g} to {high:.4g}"
        cells.append((resized(tile, size[0], size[1], smooth=False), caption))
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    return table(rows, title=title)
