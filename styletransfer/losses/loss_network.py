"""The loss network: the first layers of a torchvision classifier, with named taps."""

import difflib
import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models.squeezenet import Fire

from styletransfer.errors import RequestError, WeightsError
from styletransfer.losses.weights import read_weights
from styletransfer.networks.padding import reflect_pad

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

ARCHITECTURES = ("vgg16", "vgg19", "squeezenet1_0", "squeezenet1_1")


class LossNetwork(nn.Module):
    """VGG16, VGG19 or SqueezeNet up to the deepest tap. It is frozen and normalizes its input.

    Taps are activations after a ReLU: `relu1_1` … `relu5_4` in a VGG, and `relu1`, `fire2` …
    `fire9` in a SqueezeNet; or outputs of pooling layers, `pool1` and so on. Layers behind the
    deepest tap are not kept, and the file of weights does not have to contain them.

    Args:
        architecture: One of `ARCHITECTURES`.
        taps: Names of the taps.
        weights: "default" for torchvision's download, "random" for seeded noise (in tests), or the
            path of a `.safetensors`, `.pth` or `.pt` file with torchvision's names.
        pooling: "average" replaces each max pooling, as in Gatys et al. 2015, for a smoother
            gradient.

    Raises:
        RequestError: The architecture or a tap is unknown, or there is no tap.
        WeightsError: The file of weights is missing or damaged, or lacks a layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        architecture: str,
        taps: Sequence[str],
        weights: str | Path = "default",
        *,
        pooling: Literal["max", "average"] = "max",
    ) -> None:
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise RequestError(
                f"no loss network is called {architecture!r}; there are {', '.join(ARCHITECTURES)}"
            )
        state = None if weights in ("default", "random") else read_weights(Path(weights))
        # On the device "meta" the classifier takes no memory and no time to initialize.
        place = nullcontext() if weights == "default" else torch.device("meta")
        # The state of the global random generator does not change.
        with torch.random.fork_rng(devices=[]), place:
            whole = _features(architecture, download=weights == "default")
        positions = dict(_tap_positions(whole))
        for tap in taps:
            if tap not in positions:
                near = difflib.get_close_matches(tap, positions, 3, 0) or list(positions)
                raise RequestError(f"{architecture} has no tap {tap!r}; near it: {', '.join(near)}")
        if not taps:
            raise RequestError("a loss network needs at least one tap")
        self.layers: nn.Sequential = whole[: 1 + max(positions[tap] for tap in taps)]
        self.taps = {positions[tap]: tap for tap in taps}
        self._fields = {tap: _field(whole[: 1 + positions[tap]]) for tap in taps}
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        if pooling == "average":
            for position, layer in enumerate(self.layers):
                if isinstance(layer, nn.MaxPool2d):
                    self.layers[position] = nn.AvgPool2d(
                        layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode
                    )
        if state is not None:
            self._load(state, str(weights))
        elif weights == "random":
            self._randomize()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        # On a CPU, convolutions are faster in this order, and Gram matrices much faster.
        self.to(memory_format=torch.channels_last)
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor, deepest: str | None = None) -> dict[str, Tensor]:
        """Compute the features at the taps.

        Args:
            image: N×3×H×W in 0..1.
            deepest: Tap after which to stop; None for the last.

        Returns:
            The features by tap.
        """
        features = {}
        x = (image - self.mean) / self.std
        for position, layer in enumerate(self.layers):
            x = layer(x)
            if (tap := self.taps.get(position)) is not None:
                features[tap] = x
                if tap == deepest:
                    break
        return features

    def unbounded(self, image: Tensor, deepest: str | None = None) -> dict[str, Tensor]:
        """Compute the features at the taps as if the image went on beyond its border.

        Convolutions of a loss network pad with zeros, which stand for the mean gray of ImageNet.
        Features near the border see an edge between the image and this gray, and at a quarter of
        the size those are most of all features. So the image is surrounded by its mirror image, as
        far as any feature sees, and the features of the surroundings are cut off.

        Args:
            image: N×3×H×W in 0..1, of any size.
            deepest: Tap after which to stop; None for the last.

        Returns:
            The features by tap: for VGG, one for each whole cell of the image.
        """
        coarsest = max(stride for stride, _ in self._fields.values())
        reach = max(reach for _, reach in self._fields.values())
        margin = math.ceil(reach / coarsest) * coarsest
        # What is smaller than a cell is continued to a whole one.
        missing = max(coarsest - min(image.shape[2:]), 0)
        x = reflect_pad((image - self.mean) / self.std, margin, margin + missing)
        features = {}
        for position, layer in enumerate(self.layers):
            x, margin = _unpadded(layer, x, margin)
            if (tap := self.taps.get(position)) is not None:
                stride, _ = self._fields[tap]
                rows, columns = ((side + missing) // stride for side in image.shape[2:])
                features[tap] = x[:, :, margin:, margin:][:, :, :rows, :columns]
                if tap == deepest:
                    break
        return features

    def _randomize(self) -> None:
        self.layers.to_empty(device=torch.get_default_device())
        generator = torch.Generator(torch.get_default_device()).manual_seed(0)
        for parameter in self.layers.parameters():
            if parameter.ndim == 4:
                nn.init.kaiming_normal_(parameter, generator=generator)
            else:
                nn.init.zeros_(parameter)

    def _load(self, state: dict[str, Tensor], source: str) -> None:
        wanted = {f"features.{name}": name for name in self.layers.state_dict()}
        missing = [name for name in wanted if name not in state]
        if missing:
            raise WeightsError(
                f"{source} lacks {missing[0]}, which the deepest tap needs; name shallower taps, "
                "or give a file that has it"
            )
        self.layers.to_empty(device=torch.get_default_device())
        for key, own in zip(wanted, self.layers.state_dict().values(), strict=True):
            if state[key].shape != own.shape:
                raise WeightsError(
                    f"{source} contains {key} with the shape {list(state[key].shape)}, not "
                    f"{list(own.shape)}; give a file of the right architecture"
                )
        self.layers.load_state_dict({name: state[key] for key, name in wanted.items()})


def _features(architecture: str, *, download: bool) -> nn.Sequential:
    try:
        weights = "DEFAULT" if download else None
        whole: nn.Sequential = getattr(torchvision.models, architecture)(weights=weights).features
        return whole
    # No network connection, a full disk, or a damaged download.
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"the weights of {architecture} cannot be downloaded ({error}); give a file of weights"
        ) from error


def _field(layers: nn.Sequential) -> tuple[int, int]:
    """Return the stride of the last layer, and how far its features see beyond their cell.

    Both are in pixels of the image. A cell is the square of one stride that a feature stands for.
    """
    stride, before, after = 1, 0, 0
    for layer in layers:
        seen: Any = layer.expand3x3 if isinstance(layer, Fire) else layer
        if isinstance(seen, nn.Conv2d | nn.MaxPool2d):
            padding = _first(seen.padding)
            before += padding * stride
            after += (_first(seen.kernel_size) - 1 - padding) * stride
            stride *= _first(seen.stride)
    return stride, max(before, after - stride + 1)


def _unpadded(layer: nn.Module, x: Tensor, margin: int) -> tuple[Tensor, int]:
    """Apply a layer of a loss network without its padding.

    Return the features, and how many of them lie in the margin on each side.
    """
    if isinstance(layer, Fire):
        return layer(x)[:, :, 1:-1, 1:-1], margin - 1
    if isinstance(layer, nn.Conv2d):
        x = F.conv2d(x, layer.weight, layer.bias, layer.stride)
        return x, (margin - _first(layer.padding)) // _first(layer.stride)
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        step = _first(layer.stride)
        odd = margin % step  # no cell may lie half in the margin
        return layer(x[:, :, odd:, odd:]), margin // step
    return layer(x), margin


def _first(size: Any) -> int:
    """Return the number of a layer's attribute that is a number or one for each dimension."""
    return size if isinstance(size, int) else int(size[0])


def _tap_positions(features: nn.Sequential) -> Iterator[tuple[str, int]]:
    """Yield the name and the index of each tap in the `features` of a torchvision model."""
    block, layer, fire = 1, 0, 1
    for position, module in enumerate(features):
        if isinstance(module, nn.MaxPool2d):
            yield f"pool{block}", position
            block, layer = block + 1, 0
        elif isinstance(module, nn.ReLU):
            layer += 1
            is_squeezenet = any(isinstance(m, Fire) for m in features)
            yield ("relu1" if is_squeezenet else f"relu{block}_{layer}"), position
        elif isinstance(module, Fire):
            fire += 1
            yield f"fire{fire}", position
