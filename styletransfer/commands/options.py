"""The options that several commands share: one name and one help text for each."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])
Decorator = Callable[[AnyCommand], AnyCommand]


_HOME = re.compile(r"~[^/\\]*([/\\]|$)")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class PathOf(click.Path):
    """A path on the command line. A URL, a quoted `~` or an unmatched pattern gets its own error.

    Args:
        written: Whether the path is an output. Its name may contain `*` and `?`.
    """

    def __init__(self, *, written: bool = False, **kwargs: Any) -> None:
        super().__init__(path_type=Path, **kwargs)
        self.written = written

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        text = os.fsdecode(value)
        if not Path(text).exists():
            if _URL.match(text):
                self.fail(f"{text} is a URL; give a path on this machine", param, ctx)
            if not self.written and set(text) & set("*?"):
                self.fail(f"{text}: no file matches this pattern", param, ctx)
            _refuse_home(text, param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


class Place(click.types.StringParamType):
    """A source or destination of a data set: a path, a pattern, or the URL of a store."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not Path(str(value)).exists():
            _refuse_home(str(value), param, ctx)
        return super().convert(value, param, ctx)


def _refuse_home(text: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
    if _HOME.match(text):
        fault = f"{text}: '~' in quotes is not your home; remove the quotes"
        raise click.BadParameter(fault, ctx, param)


PATH = PathOf()
FILE = PathOf(dir_okay=False)
PRESENT_FILE = PathOf(exists=True, dir_okay=False)
TARGET = PathOf(written=True)
TARGET_FILE = PathOf(written=True, dir_okay=False)

model = click.option(
    "--model",
    type=PRESENT_FILE,
    help="ONNX file that `styletransfer export` wrote. The default is the gallery that comes with "
    "this package. Example: --model mine.onnx",
)
provider = click.option(
    "--provider",
    default="auto",
    show_default=True,
    help="Execution provider of ONNX Runtime: cpu, cuda, tensorrt, coreml, directml, …; 'auto' "
    "uses a GPU if there is one. Example: --provider cuda",
)
device = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda[:N]|mps",
    help="PyTorch device to compute on; 'auto' uses a GPU if there is one. "
    "Example: --device cuda:1",
)
threads = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Number of CPU threads; the default is one for each core. Example: --threads 2",
)
loss_weights = click.option(
    "--loss-weights",
    default="default",
    show_default=True,
    help="Weights of the loss network: a .safetensors or .pth file, or 'default' to download "
    "those of torchvision. Example: --loss-weights vgg19.safetensors",
)
strength = click.option(
    "--strength",
    type=float,
    default=1.0,
    show_default=True,
    help="Strength of the style, from 0 (the photograph) to 1. Example: --strength 0.7",
)
preserve_colors = click.option(
    "--preserve-colors",
    is_flag=True,
    help="Keep the colors of the photograph and change only its lightness. "
    "Example: --preserve-colors",
)
strip = click.option(
    "--strip",
    is_flag=True,
    help="Leave out the metadata: EXIF with date and place, XMP, resolution. Example: --strip",
)
max_pixels = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=200_000_000,  # as DEFAULT_MAX_PIXELS, whose import would slow down --help
    show_default=True,
    help="Greatest number of pixels of a picture, as a guard against malicious files. "
    "Example: --max-pixels 500000000",
)
checkpoint = click.argument("checkpoint", metavar="CKPT", type=FILE)
overwrite = click.option(
    "--overwrite",
    is_flag=True,
    help="Replace existing files. Example: --overwrite",
)
quiet = click.option(
    "--quiet",
    is_flag=True,
    help="Show no progress and no summary. Example: --quiet 2> errors.txt",
)


def memory(what: str, *, default: str | None) -> Decorator[Any]:
    """Add `--memory SIZE`."""
    return click.option(
        "--memory",
        metavar="SIZE",
        default=default,
        show_default=default is not None,
        help=f"{what} Example: --memory 500MB",
    )


def output(kind: Any, what: str) -> Decorator[Any]:
    """Add the required option `-o`."""
    return click.option("-o", "--output", required=True, type=kind, help=what)


def photographs(what: str, *, required: bool = True) -> Decorator[Any]:
    """Add `--photographs DIR`."""
    return click.option(
        "--photographs",
        metavar="DIR",
        required=required,
        type=PATH,
        help=f"{what} Example: --photographs holiday/",
    )


def paintings(what: str) -> Decorator[Any]:
    """Add `--paintings DIR`."""
    return click.option(
        "--paintings",
        metavar="DIR",
        required=True,
        type=PATH,
        help=f"{what} Example: --paintings paintings/",
    )


def short_side(
    what: str = "Scale the short side to N pixels first.",
    *,
    default: int | None = None,
    least: int = 1,
    example: int = 720,
) -> Decorator[Any]:
    """Add `--short-side N`."""
    return click.option(
        "--short-side",
        metavar="N",
        type=click.IntRange(min=least),
        default=default,
        show_default=default is not None,
        help=f"{what} Example: --short-side {example}",
    )


def seed(what: str) -> Decorator[Any]:
    """Add `--seed`."""
    return click.option(
        "--seed", type=int, default=0, show_default=True, help=f"{what} Example: --seed 7"
    )
