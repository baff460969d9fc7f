"""Any torchvision classifier by name, or any module from Python: pixels in 0..1 go in."""

import difflib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision

from interp.network.weights import class_count, load_weights, read_state
from styletransfer.errors import RequestError, WeightsError
from styletransfer.images import Picture

# A picture longer than this many short sides is cut before it is resized: its middle is all
# that the crop keeps, and the rest could fill the memory.
_LONGEST = 8


# Picks the scores of what a model returns.
Output = str | int | Callable[[Any], Tensor]


class Classifier(nn.Module):
    """A classifier that takes pixels N×C×H×W in 0..1, its normalization inside.

    A model of one score answers a question with yes or no: its probability is the sigmoid of the
    score. For an attack, class 1 is yes and class 0 is no.

    Args:
        model: The module. It gets `(pixels − mean) / std` in the precision of its parameters.
        output: Picks the class scores N×K of what the model returns, where that is no tensor N×K:
            a key of a dict or an attribute, an index of a tuple, or a function such as
            `lambda maps: maps["out"].mean((2, 3))`.
        names: Names of the classes, in the order of the scores; may be empty.
        size: Side of the square input that the model is meant for, in pixels.
        resize: Short side to which `preprocess` scales before it cuts the middle out; `size` by
            default.
        mean, std: Normalization, one number for each channel or one for all.
        interpolation: Interpolation of the scaling.

    Attributes:
        model: The module as it was given, without the wrapper of `torch.compile`. Layers are named
            as its `named_modules()` are.
        names, size, resize, interpolation: As given.
        channels: Number of channels of the input.
        name: Name of the architecture, for figures.
        crop: Whether `preprocess` cuts the middle square out, or keeps the whole picture.
    """

    model: nn.Module
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: nn.Module,
        *,
        output: Output | None = None,
        names: Sequence[str] = (),
        size: int = 224,
        resize: int | None = None,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    ) -> None:
        super().__init__()
        # A hook on a layer is not called from compiled code.
        self.model = getattr(model, "_orig_mod", model)
        self.output = output
        self.name = type(self.model).__name__
        self.crop = True
        self.names = tuple(names)
        self.size = size
        self.resize = resize or size
        self.interpolation = interpolation
        floating = (p for p in model.parameters() if p.is_floating_point())
        reference = next(floating, torch.zeros(()))
        for name, values in (("mean", mean), ("std", std)):
            with torch.inference_mode(False):
                planes = torch.tensor(values, device=reference.device).view(1, -1, 1, 1)
            self.register_buffer(name, planes, persistent=False)
        first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
        self.channels: int = 3 if first is None else first.in_channels
        # Not `self.eval()`: wrapping a model must not change it.
        self.training = model.training

    def forward(self, pixels: Tensor) -> Tensor:
        """The unnormalized class scores of pixels N×C×H×W in 0..1: N×K, float32.

        Raises:
            RequestError: The model returns something else than scores.
        """
        made = self.raw(pixels)
        if callable(self.output):
            made = self.output(made)
        elif isinstance(self.output, str) and hasattr(made, self.output):
            made = getattr(made, self.output)
        elif self.output is not None:
            try:
                made = made[self.output]
            except (KeyError, IndexError, TypeError):
                raise RequestError(
                    f"the model returns {_described(made)}, without {self.output!r}"
                ) from None
        if not isinstance(made, Tensor) or made.ndim > 2 or not made.ndim:
            raise RequestError(
                f"the model returns {_described(made)}, not class scores N×K; pick them with "
                "Classifier(model, output=…)"
            )
        scores: Tensor = made.float() if made.ndim == 2 else made.float()[:, None]
        return scores

    def raw(self, pixels: Tensor) -> Any:
        """What the model itself returns for pixels N×C×H×W in 0..1."""
        given = (pixels - self.mean) / self.std
        floating = (p.dtype for p in self.model.parameters() if p.is_floating_point())
        return self.model(given.to(next(floating, given.dtype)))

    def preprocess(self, picture: Picture) -> Tensor:
        """`picture` scaled and its middle cut out: 1×C×size×size in 0..1, on the model's device.

        With `crop` off it is scaled only, to a short side of `resize`.

        The same as the `transforms()` of torchvision's weights, without their normalization.
        Transparent parts are shown over white. A model of one channel gets the luminance.

        Raises:
            RequestError: The model takes neither 1 nor 3 channels.
        """
        if self.channels not in (1, 3):
            raise RequestError(
                f"the model takes {self.channels} channels, which no picture has; give a tensor "
                f"N×{self.channels}×H×W in 0..1"
            )
        image = Image.fromarray(picture.rgb)
        if picture.alpha is not None:
            paper = Image.new("RGB", image.size, "white")
            image = Image.composite(image, paper, Image.fromarray(picture.alpha))
        if not self.crop:
            return self._planes(vision.resize(image, [self.resize], self.interpolation))
        side = _LONGEST * min(image.size)
        if max(image.size) > side:
            image = vision.center_crop(image, [min(image.height, side), min(image.width, side)])
        image = vision.resize(image, [self.resize], self.interpolation)
        image = vision.center_crop(image, [self.size, self.size])
        return self._planes(image)

    def _planes(self, image: Image.Image) -> Tensor:
        levels = vision.pil_to_tensor(image if self.channels == 3 else image.convert("L"))
        planes: Tensor = levels[None].contiguous().float() / 255
        return planes.to(self.mean.device)

    def seen(self, pixels: Tensor, wanted: int | None = None) -> tuple[int, str]:
        """The class of one image 1×C×H×W in 0..1, and a caption with its name and probability.

        Args:
            pixels: The image.
            wanted: A class index to be told of, instead of the most probable class.
        """
        with torch.no_grad():
            probabilities = chances(self(pixels))[0]
        index = int(probabilities.argmax()) if wanted is None else wanted
        share = float(probabilities[index]) if index < len(probabilities) else 0.0
        return index, f"{self.name_of(index)} {share:.1%}"

    def name_of(self, index: int) -> str:
        """The name of a class, or its index where it has no name."""
        return self.names[index] if index < len(self.names) else f"class {index}"

    def find_class(self, wanted: str | int) -> int:
        """The index of a class, given by its index, its name, or a part of its name.

        A whole name goes before whole words ("corgi"), and those before other parts.

        Raises:
            RequestError: A class that does not exist, with the nearest names, or a part that
                several names share, with those.
        """
        if not isinstance(wanted, str) or wanted.strip().isdecimal():
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


def chances(scores: Tensor) -> Tensor:
    """The probabilities N×K of scores N×K: by softmax, or by the sigmoid of a single score."""
    return scores.softmax(1) if scores.shape[1] > 1 else scores.sigmoid()


def as_classifier(model: nn.Module) -> Classifier:
    """`model` itself if it is a `Classifier`, otherwise one that takes its pixels as they are."""
    return model if isinstance(model, Classifier) else Classifier(model)


def _described(made: Any) -> str:
    """What a model returned, in words."""
    if isinstance(made, Tensor):
        return "×".join(["N", *map(str, made.shape[1:])]) if made.ndim else "one number"
    if isinstance(made, Mapping):
        return f"a dict of {', '.join(map(str, made))}"
    if isinstance(made, tuple | list):
        return f"a {type(made).__name__} of {len(made)}"
    return f"a {type(made).__name__}"


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
        name: Name as torchvision has it, such as `squeezenet1_0`.
        weights: `"default"` for torchvision's download, `"random"`, or the path of a
            `.safetensors`, `.pth`, `.pt` or Lightning `.ckpt` file in torchvision's layout. A
            file of another number of classes gives a model of as many, without names.
        partial: Take a file of some layers only, such as the first. Those that lie before what it
            lacks can be read with `interp.network.taps.activations`.
        seed: Seed of the random weights.
        progress: Show a bar while weights are downloaded.

    Raises:
        RequestError: An unknown model.
        WeightsError: Weights that cannot be downloaded or read, or are of another architecture.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, 3, 0))
        raise RequestError(f"torchvision has no classifier {name!r}; near it: {near}")
    preset = torchvision.models.get_model_weights(name).DEFAULT
    # Inception's side heads serve training alone; its own normalization belongs to its weights.
    inception = {"transform_input": True, "aux_logits": False, "init_weights": False}
    options = inception if name in ("googlenet", "inception_v3") else {}
    names = preset.meta["categories"]
    if weights == "default":
        try:
            # torch announces a download on stdout, where results are.
            with redirect_stdout(io.StringIO()):
                model = torchvision.models.get_model(name, weights=preset, progress=progress)
        except OSError as error:
            raise WeightsError(
                f"the weights of {name} cannot be downloaded ({error}); give a local file "
                "with --weights FILE, or --weights random"
            ) from error
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = torchvision.models.get_model(name, **options)
        if weights != "random":
            path = Path(weights)
            state = read_state(path, model)
            count = class_count(state, model)
            if count not in (None, len(names)):
                names = []
                model = torchvision.models.get_model(name, num_classes=count, **options)
            load_weights(model, state, path, name, partial=partial)
    wanted = preset.transforms()
    classifier = Classifier(
        model,
        names=names,
        size=wanted.crop_size[0],
        resize=wanted.resize_size[0],
        mean=wanted.mean,
        std=wanted.std,
        interpolation=wanted.interpolation,
    ).eval()
    classifier.name = name
    return classifier
