"""The filters of a first layer as pictures: what patterns of color and of edges it matches."""

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from interp.figures import table
from interp.network.taps import find_layer, layer_names
from interp.pictures import to_color, to_gray
from styletransfer.errors import RequestError


def first_convolution(model: nn.Module) -> str:
    """The name of the first convolution that takes RGB; RequestError where there is none."""
    for name in layer_names(model):
        module = find_layer(model, name)
        if isinstance(module, nn.Conv2d) and module.weight.shape[1] in (1, 3):
            return name
    raise RequestError("the model has no convolution that takes RGB or gray, so no filters to show")


def read_filters(model: nn.Module, layer: str | None = None) -> Tensor:
    """The weights of a convolution that takes RGB, C×3×h×w; `layer` is by default the first.

    Raises:
        RequestError: A layer that is no such convolution.

    Reference: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks".
    """
    layer = layer or first_convolution(model)
    module = find_layer(model, layer)
    if not isinstance(module, nn.Conv2d) or module.weight.shape[1] not in (1, 3):
        raise RequestError(
            f"{layer} is no convolution that takes RGB; {first_convolution(model)} is one"
        )
    with torch.no_grad():
        return module.weight.detach().float().cpu().clone()


def draw_filters(weights: Tensor, title: str = "", *, side: int = 64) -> Figure:
    """Filters C×3×h×w with their numbers, each scaled from its least to its greatest weight.

    `side` is about that of a filter in the figure, in pixels; each weight is a square.
    """
    zoom = max(1, round(side / weights.shape[-1]))
    cells = []
    for number, each in enumerate(weights):
        colors = to_color(each.numpy()) if len(each) == 3 else to_gray(each.mean(0).numpy())
        cells.append((colors.repeat(zoom, 0).repeat(zoom, 1), str(number)))
    columns = math.ceil(math.sqrt(len(cells) * 1.5))
    return table([cells[i : i + columns] for i in range(0, len(cells), columns)], title=title)
