"""Which pixels each value of a layer can see, computed without weights.

Beside every tensor of one forward pass go four more of its shape: the top, left, bottom and right
edge of the box of input pixels that each value depends on. What moves values (views, slices,
concatenations) moves their boxes; a convolution or a pool takes the union of the boxes in its
window, an addition that of its terms, a layer that mixes everything the union of all. So branches,
skips, dilations and borders come out exact, and no kind of layer needs to be known by name. Where
one operation is not known here its values count as seeing all that any of its inputs sees.

The idea is that of Araujo, Norris and Sim 2019, "Computing Receptive Fields of Convolutional
Neural Networks", with the boxes written out in place of their closed form.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from interp.network.classifier import as_classifier
from interp.network.taps import frozen, tapped

# Top, left, −bottom, −right: so that the union of boxes is the minimum of each.
Edges = tuple[Tensor, Tensor, Tensor, Tensor]

_NOTHING = float("inf")  # the edges of a value that depends on no pixel

# These move values, or repeat them, whatever they are.
_MOVES = frozenset(
    (
        *("cat", "stack", "repeat", "expand", "clone", "_to_copy", "alias", "detach"),
        *("permute", "transpose", "t", "squeeze", "unsqueeze", "flatten", "unflatten"),
        *("reshape", "pixel_shuffle", "pixel_unshuffle"),
        *("slice", "select", "narrow", "split", "split_with_sizes", "chunk", "unbind", "index"),
        *("roll", "flip", "constant_pad_nd", "reflection_pad2d", "replication_pad2d"),
        "upsample_nearest2d",
    )
)
# These work value by value, but PyTorch does not tag them so.
_POINTWISE = frozenset(
    (
        *("hardswish", "hardswish_", "gelu_", "_prelu_kernel", "log_sigmoid_forward"),
        *("native_dropout", "rsub", "copy_"),
    )
)
_NORMS = ("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm")


@dataclass(frozen=True)
class ReceptiveField:
    """The boxes of pixels that a layer's values see, for one size of input.

    Attributes:
        boxes: int H×W×4: for each place of a map, the (top, left, bottom, right) of what any of
            its channels sees, bottom and right exclusive. With `by_channel` it is C×H×W×4, of each
            channel: where branches come together they differ. A layer that is no map N×C×H×W (a
            vector, tokens) has a single box, of all that it sees: H = W = 1.
    """

    boxes: npt.NDArray[np.int64]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the largest box; those at the border are cut off by it."""
        sides = (self.boxes[..., 2:] - self.boxes[..., :2]).reshape(-1, 2).max(0)
        return int(sides[0]), int(sides[1])


def receptive_fields(
    model: nn.Module,
    layers: Sequence[str],
    size: int | tuple[int, int],
    *,
    by_channel: bool = False,
) -> dict[str, ReceptiveField]:
    """The receptive fields of `layers` for images of `size`, a side or (height, width) in pixels.

    One forward pass of one blank image is made.

    Raises:
        RequestError: An unknown layer.
    """
    height, width = (size, size) if isinstance(size, int) else size
    reference = next(model.parameters(), torch.zeros(()))
    classifier = as_classifier(model)
    image = torch.zeros(1, classifier.channels, height, width, device=reference.device)
    with frozen(model), torch.no_grad(), tapped(model, layers) as values, _Boxes(image) as mode:
        classifier.raw(image)
        edges = {name: mode.edges(values[name]) for name in layers}
    return {name: ReceptiveField(_boxes(each, by_channel)) for name, each in edges.items()}


def _boxes(edges: Edges, by_channel: bool) -> npt.NDArray[np.int64]:
    """The union over samples, and over channels, as top, left, bottom, right at each place."""
    if edges[0].ndim == 4:
        planes = [edge.amin(0 if by_channel else (0, 1)) for edge in edges]
    else:
        planes = [edge.amin().view(1, 1) for edge in edges]
    top, left, bottom, right = (plane.nan_to_num(posinf=0) for plane in planes)
    return torch.stack([top, left, -bottom, -right], -1).long().cpu().numpy()


class _Boxes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Carries the boxes along with every operation that a forward pass makes."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._edges: WeakIdKeyDictionary = WeakIdKeyDictionary()
        _, _, height, width = image.shape
        rows = torch.arange(height, dtype=torch.float32, device=image.device).view(-1, 1)
        columns = torch.arange(width, dtype=torch.float32, device=image.device)
        starts = (rows, columns, -(rows + 1), -(columns + 1))
        self._edges[image] = tuple(edge.expand(image.shape) for edge in starts)

    def edges(self, tensor: Tensor) -> Edges:
        """The edges of the boxes of `tensor`, each of its shape."""
        if tensor in self._edges:
            found: Edges = self._edges[tensor]
            return found
        nothing = tensor.new_full((), _NOTHING, dtype=torch.float32).expand(tensor.shape)
        return nothing, nothing, nothing, nothing

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        seeing = [t for t in tree_leaves((args, kwargs)) if _is_seen(t, self._edges)]
        if not seeing:
            return result
        rules = [self._propagate(func, args, kwargs, result, seeing, side) for side in range(4)]
        outputs = [t for t in tree_leaves(result) if isinstance(t, Tensor)]
        for index, output in enumerate(outputs):
            if output.is_floating_point():
                self._edges[output] = tuple(side[min(index, len(side) - 1)] for side in rules)
        return result

    def _propagate(
        self, func: Any, args: Any, kwargs: Any, result: Any, seeing: list[Tensor], side: int
    ) -> list[Tensor]:
        """One edge of the boxes of all outputs of `func`."""

        def edge(tensor: Tensor) -> Tensor:
            return self.edges(tensor)[side]

        name = func.overloadpacket.__name__
        first = result if isinstance(result, Tensor) else tree_leaves(result)[0]
        if name in ("view", "_unsafe_view"):  # the boxes may lie otherwise in memory
            return [edge(args[0]).reshape(first.shape)]
        if name in _MOVES:
            moved = [
                tree_map_only(Tensor, lambda t: edge(t) if t.is_floating_point() else t, part)
                for part in (args, kwargs)
            ]
            if name == "constant_pad_nd":
                moved[0] = (*moved[0][:2], _NOTHING)
            moved[1].pop("dtype", None)
            return [t for t in tree_leaves(func(*moved[0], **moved[1])) if isinstance(t, Tensor)]
        if name in _NORMS:
            return [edge(args[0])]
        if name in _WINDOWS:
            return [_WINDOWS[name](edge(args[0]), first, args)]
        if name in ("mm", "bmm", "addmm", "baddbmm"):
            left, right = args[-2:]
            rows, columns = edge(left).amin(-1, True), edge(right).amin(-2, True)
            return [torch.minimum(rows, columns).expand(first.shape)]
        if name in ("mean", "_softmax", "native_layer_norm", "sum", "amax"):
            return [_reduced(edge(args[0]), name, args, first)]
        if torch.Tag.pointwise in func.tags or name in _POINTWISE:
            least = edge(seeing[0])
            for other in seeing[1:]:
                least = torch.minimum(least, edge(other))
            return [least.expand(first.shape)]
        everything = torch.stack([edge(t).amin() for t in seeing]).amin()
        return [everything.expand(t.shape) for t in tree_leaves(result) if isinstance(t, Tensor)]


def _is_seen(value: object, edges: WeakIdKeyDictionary) -> bool:
    return isinstance(value, Tensor) and value in edges


def _reduced(edge: Tensor, name: str, args: tuple[Any, ...], result: Tensor) -> Tensor:
    if name == "native_layer_norm":
        dims: Any = list(range(-len(args[1]), 0))
    else:
        dims = args[1] if len(args) > 1 and args[1] not in (None, []) else list(range(edge.ndim))
    keeps_shape = result.ndim == edge.ndim
    return edge.amin(dims, keepdim=keeps_shape).expand(result.shape)


def _convolution(edge: Tensor, result: Tensor, args: tuple[Any, ...]) -> Tensor:
    _, weight, _, stride, padding, dilation, transposed, _, groups = args[:9]
    if transposed or edge.ndim != 4:
        return edge.amin().expand(result.shape)
    n, c, h, w = edge.shape
    grouped = edge.reshape(n, groups, c // groups, h, w).amin(2)
    seen = _least_in_window(grouped, weight.shape[2:], stride, padding, dilation)
    return seen.repeat_interleave(result.shape[1] // groups, 1)


def _pool(edge: Tensor, result: Tensor, args: tuple[Any, ...]) -> Tensor:
    """For the arguments of a pool: kernel, stride, padding, and the dilation of a max pool."""
    kernel = args[1]
    stride = args[2] if len(args) > 2 and args[2] else kernel
    padding = args[3] if len(args) > 3 else 0
    dilation = args[4] if len(args) > 4 and not isinstance(args[4], bool) else 1
    h, w = result.shape[-2:]
    # Ceil mode lets the last windows hang over: padded far enough below, they exist here too.
    return _least_in_window(edge, kernel, stride, padding, dilation, hanging=True)[..., :h, :w]


def _adaptive_pool(edge: Tensor, result: Tensor, _args: tuple[Any, ...]) -> Tensor:
    return -F.adaptive_max_pool2d(-edge, result.shape[-2:])


def _least_in_window(
    edge: Tensor,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    hanging: bool = False,
) -> Tensor:
    down, across = _pair(padding)
    more_down, more_across = _pair(stride) if hanging else (0, 0)
    padded = F.pad(-edge, (across, across + more_across, down, down + more_down), value=-_NOTHING)
    return -F.max_pool2d(padded, _pair(kernel), _pair(stride), 0, _pair(dilation))


def _pair(value: Any) -> tuple[int, int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers[0], numbers[-1]


_WINDOWS: dict[str, Callable[[Tensor, Tensor, tuple[Any, ...]], Tensor]] = {
    "convolution": _convolution,
    "max_pool2d_with_indices": _pool,
    "max_pool2d": _pool,
    "avg_pool2d": _pool,
    "_adaptive_avg_pool2d": _adaptive_pool,
    "adaptive_max_pool2d": _adaptive_pool,
}
