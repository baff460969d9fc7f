"""The options that the commands of `interp` share, each defined once.

A decorator here adds options to a command, and gives the command their values as one argument.
"""

import functools
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from interp.files import Outputs
from interp.progress import on_terminal, report
from interp.recording import Recorder, Recording
from styletransfer.images import to_tensor

if TYPE_CHECKING:
    import numpy.typing as npt

    from interp.network.classifier import Classifier
    from interp.patches.texture import Texture
    from styletransfer.losses import LossNetwork

Function = Callable[..., Any]

PATH = click.Path(path_type=Path)
INTERRUPTED = 130


def whole_number(
    name: str, told: str, *, default: int | None = None
) -> Callable[[Function], Function]:
    """An option that takes a number from 1; `told` is its help."""
    kind = click.IntRange(min=1)
    return click.option(name, type=kind, default=default, show_default=True, help=told)


def choice(
    name: str, choices: Sequence[str], told: str, *, default: str | None = None
) -> Callable[[Function], Function]:
    """An option that takes one of the `choices`; `told` is its help."""
    kind = click.Choice(choices)
    return click.option(name, type=kind, default=default, show_default=True, help=told)


def crop(default: bool) -> Callable[[Function], Function]:
    """An option for what of a photograph is taken: the square in its middle, or all."""
    return click.option(
        "--crop/--no-crop",
        default=default,
        show_default=True,
        help="Take only the square in the middle of the photograph, or the whole of it. "
        f"Example: {'--no-crop' if default else '--crop'}",
    )


def texture_size(told: str, *, required: bool = False) -> Callable[[Function], Function]:
    """The size of a texture to make, for `parsed_size`; `told` ends its help."""
    told = f"Size of the texture in pixels; N is N×N. {told}"
    return click.option("--size", metavar="WxH|N", required=required, help=told)


images = click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=PATH)
image = click.argument("image", type=PATH)
layer = click.option(
    "--layer", help="Layer by its dotted name; `interp layers` lists them. Example: --layer fc"
)
class_name = click.option(
    "--class",
    "class_name",
    help="Class by its index, its name or a part of it; by default the one that the model sees. "
    'Example: --class "tiger cat"',
)
channel = click.option(
    "--channel",
    type=int,
    help="Channel of --layer, instead of a class. Example: --layer features.9 --channel 12",
)
place = click.option(
    "--place",
    help="One neuron of the channel, at ROW,COLUMN, or max for the strongest in each image. "
    "Example: --place 6,7",
)
seed = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Seed of all random numbers. Example: --seed 7",
)
_device = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda[:N]|mps",
    help="Where the network computes; auto takes a GPU if there is one. Example: --device cuda:1",
)


@dataclass(frozen=True)
class ModelChoice:
    """What `--model`, `--weights` and `--device` name."""

    name: str
    weights: str
    device: str

    def load(
        self, *, quiet: bool = False, partial: bool = False, crop: bool = True
    ) -> "Classifier":
        """The classifier; see `interp.network.classifier.load_classifier` for its errors."""
        from interp.network.classifier import load_classifier
        from styletransfer.device import choose_device

        device = choose_device(self.device)
        classifier = load_classifier(
            self.name, self.weights, partial=partial, progress=on_terminal(quiet)
        )
        classifier.crop = crop
        return classifier.to(device)

    def load_loss_network(
        self, taps: tuple[str, ...], pooling: Literal["max", "average"] = "max"
    ) -> "LossNetwork":
        """The loss network; RequestError for taps that it does not have, WeightsError for weights
        that cannot be read."""
        from styletransfer.device import choose_device
        from styletransfer.losses import LossNetwork

        device = choose_device(self.device)
        return LossNetwork(self.name, taps, self.weights, pooling=pooling).to(device)


def _gathered(
    name: str, kind: type[Any], *options: Callable[[Function], Function]
) -> Callable[[Function], Function]:
    """A decorator: the values of `options` become one argument `name`, of the type `kind`."""

    def decorate(command: Function) -> Function:
        @functools.wraps(command)
        def gathered(**values: Any) -> Any:
            names = [field.name for field in fields(kind) if field.name in values]
            chosen = {name: values.pop(name) for name in names}
            return command(**{name: kind(**chosen)}, **values)

        decorated: Function = gathered
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _network(default: str, told: str, needs: str = "") -> Callable[[Function], Function]:
    """`--model`, whose help is `told`, `--weights`, which `needs` so much, and `--device`."""
    return _gathered(
        "model",
        ModelChoice,
        click.option("--model", "name", default=default, show_default=True, help=told),
        click.option(
            "--weights",
            default="default",
            show_default=True,
            help=f"'default' for torchvision's, 'random', or a .safetensors or .pth file{needs}. "
            "Example: --weights mine.pth",
        ),
        _device,
    )


model = _network("squeezenet1_0", "Classifier, as torchvision names it. Example: --model resnet18")
loss_network = _network(
    "vgg19",
    "Loss network: vgg19, vgg16, squeezenet1_0 or squeezenet1_1. Example: --model vgg16",
    ", which needs no layer beyond the deepest tap",
)

_files = (
    click.option(
        "-o", "--output", "figure", type=PATH, help="Figure to write. Example: -o figure.png"
    ),
    click.option(
        "--data", type=PATH, help="Numbers behind the figure, to write. Example: --data numbers.npz"
    ),
    click.option(
        "--overwrite", is_flag=True, help="Replace files that exist. Example: -o f.png --overwrite"
    ),
    click.option(
        "--quiet", is_flag=True, help="Show no progress, no summary. Example: --quiet 2> errors.txt"
    ),
)
_dpi = click.option(
    "--dpi",
    type=click.IntRange(min=10, max=1200),
    default=100,
    show_default=True,
    help="Dots per inch of the figure. Example: --dpi 300",
)
outputs = _gathered("files", Outputs, *_files, _dpi)


def recording(command: Function) -> Function:
    """Add `--save-every`, `--gif`, `--mp4` and those of `outputs`: one argument, `recording`."""

    @_gathered("files", Outputs, *_files)
    @functools.wraps(command)
    def gathered(
        files: Outputs, save_every: int | None, gif: Path | None, mp4: Path | None, **values: Any
    ) -> Any:
        return command(recording=Recording(files, save_every, gif, mp4), **values)

    every = whole_number(
        "--save-every",
        "Number of steps after which the picture is also written, beside the output, as "
        "NAME-0050. Example: --save-every 50",
    )
    gif = click.option("--gif", type=PATH, help="Animation to write. Example: --gif steps.gif")
    mp4 = click.option(
        "--mp4",
        type=PATH,
        help="Film to write; needs the extra video. Example: --mp4 steps.mp4",
    )
    decorated: Function = every(gif(mp4(gathered)))
    return decorated


def parsed_size(size: str) -> tuple[int, int]:
    """Width and height of 640x480 or of 512; UsageError for what is no size."""
    found = re.fullmatch(r"(\d{1,9})(?:[xX×](\d{1,9}))?", size.strip())
    width, height = (int(side or found[1]) for side in found.groups()) if found else (0, 0)
    if min(width, height) < 1:
        raise click.UsageError(f"{size!r} is no size; write 512 or 640x480 (width first)")
    return width, height


def parsed_place(words: str | None) -> tuple[int, int] | Literal["max"] | None:
    """The row and column of `--place`, or "max"."""
    if words is None:
        return None
    if words == "max":
        return "max"
    try:
        row, column = (int(number) for number in words.split(","))
    except ValueError:
        raise click.UsageError(
            f"{words!r} is no place; give ROW,COLUMN as in 6,7, or max"
        ) from None
    return row, column


def end(whole: bool) -> None:
    """Exit with 1 where some of the images could not be used, after the rest was done."""
    if not whole:
        sys.exit(1)


def finish(recorder: Recorder, interrupted: bool) -> None:
    """Write the animations; after an interrupt say so on stderr, and exit with 130."""
    recorder.finish()
    if interrupted:
        report(recorder.interruption())
        sys.exit(INTERRUPTED)


def write_texture(texture: "Texture", files: Outputs, recorder: Recorder) -> None:
    """Write a texture from patches, and exit with 130 if that is not all of it."""
    unknown = float((texture.places[..., 0] < 0).mean())
    if texture.interrupted and unknown == 1:
        raise KeyboardInterrupt
    files.write(texture.pixels, image=to_tensor(texture.pixels)[0], places=texture.places)
    if unknown:
        report(f"{unknown:.0%} of the picture is still gray")
    finish(recorder, texture.interrupted)


def stacked(name: str, arrays: "Sequence[npt.NDArray[Any]]") -> "dict[str, npt.NDArray[Any]]":
    """One array for images of one shape, and otherwise one for each: NAME_0, NAME_1, …"""
    import numpy as np

    if len({array.shape for array in arrays}) == 1:
        return {name: np.stack(arrays)}
    return {f"{name}_{number}": array for number, array in enumerate(arrays)}
