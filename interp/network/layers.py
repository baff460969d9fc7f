"""The layers of a model: their names, the shapes of their values, what they see of the image."""

from contextlib import suppress
from dataclasses import dataclass

from torch import Tensor, nn

from interp.network.classifier import Classifier
from interp.network.receptive_field import receptive_fields
from interp.network.taps import calls, layer_names, named_layers, run_through
from styletransfer.errors import RequestError

# Maps of layers that are good to dream with have one place for at most so many pixels of a side.
_PIXELS = 16


@dataclass(frozen=True)
class Layer:
    """A layer as one forward pass shows it.

    `shape` is of its values for one image, without N; `receptive_field` is (height, width) in
    pixels of the largest box that one place of it sees, which the image's borders may cut.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    receptive_field: tuple[int, int]


def list_layers(classifier: Classifier) -> list[Layer]:
    """The layers that `classifier` calls on an image of its own size, in the order of calls.

    Those are all that `interp.network.taps` can read. Layers that give no tensor are left out.
    """
    shapes = _shapes(classifier)
    fields = receptive_fields(classifier, list(shapes), classifier.size)
    kinds = {name: type(module).__name__ for name, module in classifier.model.named_modules()}
    return [Layer(name, kinds[name], shapes[name], fields[name].size) for name in shapes]


def _shapes(classifier: Classifier) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, _module: nn.Module, made: object) -> None:
        value = made[0] if isinstance(made, tuple) and made else made
        if isinstance(value, Tensor):
            shapes.setdefault(name, tuple(value.shape[1:]))

    image = classifier.mean.new_zeros(1, 3, classifier.size, classifier.size)
    with calls(classifier, layer_names(classifier), note):
        run_through(classifier, image)
    return shapes


def readable_layers(model: nn.Module, image: Tensor) -> list[str]:
    """The layers that change what they get, in the order in which `image` passes them.

    Those are convolutions, activations, pooling and linear layers and the like, or blocks of them:
    names of at most one dot, which are not sequences of such. Dropout changes nothing, and what
    lies behind the last weights of a file of some layers only cannot be read.
    """
    modules = {
        name: module
        for name, module in named_layers(model).items()
        if name and name.count(".") <= 1
    }
    containers = {name.partition(".")[0] for name in modules if "." in name}
    names: list[str] = []
    changing = [
        name
        for name, module in modules.items()
        if name not in containers and not isinstance(module, nn.Dropout | nn.Identity | nn.Flatten)
    ]

    def note(name: str, _module: nn.Module, _made: object) -> None:
        names.append(name)

    with calls(model, changing, note), suppress(RequestError):
        run_through(model, image)
    return list(dict.fromkeys(names))


def default_layer(model: nn.Module, image: Tensor) -> str:
    """The layer to dream with or to invert where none is named: it sees parts of objects.

    That is the last whose maps have a place for every 16 pixels of a side at least: `features.10`
    of SqueezeNet, `layer3` of a ResNet, the last ReLU before the last pooling of a VGG.

    Args:
        model: The network.
        image: 1×C×H×W in 0..1.

    Raises:
        RequestError: The network has no such maps, as a vision transformer. The message names
            blocks to try.
    """
    height, width = image.shape[2:]
    names: list[str] = []
    blocks: dict[type, list[str]] = {}

    def note(name: str, module: nn.Module, made: object) -> None:
        if not isinstance(made, Tensor):
            return
        if any(True for _ in module.children()):
            blocks.setdefault(type(module), []).append(name)
        if made.ndim != 4 or name.count(".") > 1 or "Pool" in type(module).__name__:
            return
        tall, wide = made.shape[2:]
        # Maps have the image's proportions; channels-last values (Swin) do not.
        alike = abs(tall * width - wide * height) <= height + width
        if alike and _PIXELS * tall >= height and _PIXELS * wide >= width:
            names.append(name)

    # What lies behind the last weights of a file of some layers only cannot be read.
    with calls(model, layer_names(model), note), suppress(RequestError):
        run_through(model, image)
    if len(names) < 2:
        # The kind of block that is repeated most, and of two such kinds the outer one.
        repeated = max(
            blocks.values(), key=lambda each: (len(each), -each[0].count(".")), default=[]
        )
        some = dict.fromkeys(repeated[len(repeated) * part // 6] for part in (3, 4, 5) if repeated)
        such = f", such as {', '.join(some)}" if some else ""
        raise RequestError(f"no layer of this model is known to be good here; name one{such}")
    return names[-1]
