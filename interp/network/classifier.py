"""Any torchvision classifier by name, or any module from Python: pixels in 0..1 go in."""

import difflib
import io
import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision

from interp.network.weights import load_weights
from styletransfer.errors import DeviceError, RequestError, WorkError
from styletransfer.images import Picture

# A picture longer than this many short sides is cut before it is resized: its middle is all
# that the crop keeps, and the rest could fill the memory.
_LONGEST = 8


class Classifier(nn.Module):
    """A classifier that takes pixels N×3×H×W in 0..1, its normalization inside.

    Args:
        model: the module; it gets `(pixels − mean) / std` and returns class scores N×K.
        names: the classes' names, in the order of the scores; may be empty.
        size: side of the square input that the model is meant for, in pixels.
        resize: what `preprocess` scales the short side to before it cuts the middle out; `size`
            by default.
        mean, std: of the normalization, for each of R, G and B.
        interpolation: of the scaling.

    Attributes:
        model: the module as it was given. Layers are named as its `named_modules()` are.
        names, size, resize, interpolation: as given.
    """

    model: nn.Module
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: nn.Module,
        *,
        names: Sequence[str] = (),
        size: int = 224,
        resize: int | None = None,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    ) -> None:
        super().__init__()
        self.model = model
        self.names = tuple(names)
        self.size = size
        self.resize = resize or size
        self.interpolation = interpolation
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        # Not `self.eval()`: wrapping a model must not change it.
        self.training = model.training

    def forward(self, pixels: Tensor) -> Tensor:
        """The unnormalized class scores N×K of `pixels`, N×3×H×W in 0..1."""
        scores: Tensor = self.model((pixels - self.mean) / self.std)
        return scores

    def preprocess(self, picture: Picture) -> Tensor:
        """`picture` scaled and its middle cut out: 1×3×size×size in 0..1, on the model's device.

        The same as the `transforms()` of torchvision's weights, without their normalization.
        Transparent parts are shown over white.
        """
        image = Image.fromarray(picture.rgb)
        if picture.alpha is not None:
            paper = Image.new("RGB", image.size, "white")
            image = Image.composite(image, paper, Image.fromarray(picture.alpha))
        side = _LONGEST * min(image.size)
        if max(image.size) > side:
            image = vision.center_crop(image, [min(image.height, side), min(image.width, side)])
        image = vision.resize(image, [self.resize], self.interpolation)
        pixels = np.asarray(vision.center_crop(image, [self.size, self.size]))
        planes = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float() / 255
        return planes.to(self.mean.device)

    def seen(self, pixels: Tensor, wanted: int | None = None) -> tuple[int, str]:
        """The class of one image 1×C×H×W in 0..1, and a caption with its name and probability.

        Args:
            pixels: The image.
            wanted: A class index to be told of, instead of the most probable class.
        """
        with torch.no_grad():
            probabilities = self(pixels).softmax(-1)[0]
        index = int(probabilities.argmax()) if wanted is None else wanted
        share = float(probabilities[index]) if index < len(probabilities) else 0.0
        return index, f"{self.name_of(index)} {share:.1%}"

    def name_of(self, index: int) -> str:
        """The name of a class, or its index where it has no name."""
        return self.names[index] if index < len(self.names) else f"class {index}"

    def find_class(self, wanted: str | int) -> int:
        """The index of a class, given by its index, its name, or a part of its name.

        A whole name goes before whole words ("corgi"), and those before other parts. Raises
        RequestError for a class that there is not, with the nearest names, and for a part that
        several names share, with those.
        """
        if isinstance(wanted, int) or wanted.strip().isdecimal():
            index = int(wanted)
            if not 0 <= index < (len(self.names) or index + 1):
                raise RequestError(
                    f"there is no class {index}; they are 0 to {len(self.names) - 1}"
                )
            return index
        text = " ".join(wanted.lower().split())
        names = [name.lower() for name in self.names]
        for pattern in (rf"^{re.escape(text)}$", rf"\b{re.escape(text)}\b", re.escape(text)):
            found = [index for index, name in enumerate(names) if re.search(pattern, name)]
            if len(found) == 1 and text:
                return found[0]
            if found and text:
                some = ", ".join(self.names[index] for index in found[:6])
                more = f" and {len(found) - 6} more" if len(found) > 6 else ""
                raise RequestError(f"{wanted!r} could be {some}{more}; give more of the name")
        near = difflib.get_close_matches(text, names, 3, 0)
        said = ", ".join(self.names[names.index(name)] for name in near)
        raise RequestError(
            f"no class has {wanted!r} in its name; near it: {said}"
            if near
            else f"this model's classes have no names; give an index instead of {wanted!r}"
        )


def find_device(name: str) -> torch.device:
    """The device of a `--device`: "auto", "cpu", "cuda" or "cuda:1".

    Raises:
        DeviceError: There is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    count = torch.cuda.device_count()
    if name == "cpu" or (kind == "cuda" and number in ("", *map(str, range(count))) and count):
        return torch.device(name)
    there = ", ".join(["cpu", *(f"cuda:{number}" for number in range(count))])
    raise DeviceError(f"there is no device {name!r}; there are {there}")


def load_classifier(
    name: str,
    weights: str | Path = "default",
    *,
    partial: bool = False,
    seed: int = 0,
    progress: bool = False,
) -> Classifier:
    """A torchvision classifier in eval mode, with the sizes and names that its weights declare.

    Args:
        name: as torchvision calls it, such as `squeezenet1_0`.
        weights: `"default"` for torchvision's download, `"random"`, or the path of a
            `.safetensors`, `.pth` or `.pt` file in torchvision's layout.
        partial: take a file of some layers only, such as the first: those that lie before what it
            lacks can be read with `interp.network.taps.activations`.
        seed: of the random weights.
        progress: show a bar while weights are downloaded.

    Raises:
        RequestError: an unknown model, or a file that does not exist.
        WorkError: weights that cannot be downloaded, read, or are of another architecture.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, 3, 0))
        raise RequestError(f"torchvision has no classifier {name!r}; near it: {near}")
    preset = torchvision.models.get_model_weights(name).DEFAULT
    # Inception's side heads serve training alone; its own normalization belongs to its weights.
    inception = {"transform_input": True, "aux_logits": False, "init_weights": False}
    options = inception if name in ("googlenet", "inception_v3") else {}
    if weights == "default":
        try:
            # torch announces a download on stdout, where results are.
            with redirect_stdout(io.StringIO()):
                model = torchvision.models.get_model(name, weights=preset, progress=progress)
        except OSError as error:
            raise WorkError(
                f"the weights of {name} cannot be downloaded ({error}); give a local file "
                "with --weights FILE, or --weights random"
            ) from error
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = torchvision.models.get_model(name, **options)
        if weights != "random":
            load_weights(model, Path(weights), name, partial=partial)
    wanted = preset.transforms()
    return Classifier(
        model,
        names=preset.meta["categories"],
        size=wanted.crop_size[0],
        resize=wanted.resize_size[0],
        mean=wanted.mean,
        std=wanted.std,
        interpolation=wanted.interpolation,
    ).eval()
