"""The layers of a model: their names, the shapes of their values, what they see of the image."""

from dataclasses import dataclass

from torch import Tensor, nn

from interp.network.classifier import Classifier
from interp.network.receptive_field import receptive_fields
from interp.network.taps import calls, layer_names, run_through


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
