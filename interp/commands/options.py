"""The options that the commands of `interp` share, and how their failures are told."""

import functools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from tqdm import tqdm

from styletransfer.commands.extras import extra

Command = TypeVar("Command", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)

images = click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=_PATH)
layer = click.option(
    "--layer", help="A layer by its dotted name; `interp layers` lists them. Example: --layer fc"
)
class_name = click.option(
    "--class",
    "class_name",
    help="A class by its index, its name or a part of it; by default the one that the model sees. "
    'Example: --class "tiger cat"',
)
seed = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Of all that is random. Example: --seed 7",
)


def model(command: Command) -> Command:
    """Add `--model` and `--weights`."""
    named = click.option(
        "--model",
        default="squeezenet1_0",
        show_default=True,
        help="A classifier, as torchvision names it. Example: --model resnet18",
    )
    weighted = click.option(
        "--weights",
        default="default",
        show_default=True,
        help="'default' for torchvision's, 'random', or a .safetensors or .pth file. "
        "Example: --weights mine.pth",
    )
    return named(weighted(command))


def outputs(command: Command) -> Command:
    """Add `-o`, `--data`, `--overwrite` and `--quiet`."""
    figure = click.option(
        "-o", "--output", type=_PATH, help="The figure to write. Example: -o figure.png"
    )
    data = click.option(
        "--data", type=_PATH, help="The numbers behind it, to write. Example: --data numbers.npz"
    )
    overwrite = click.option(
        "--overwrite", is_flag=True, help="Replace files that exist. Example: -o f.png --overwrite"
    )
    quiet = click.option(
        "--quiet", is_flag=True, help="No progress, no summary. Example: --quiet 2> errors.txt"
    )
    return figure(data(overwrite(quiet(command))))


class Recording(NamedTuple):
    """What the options of `recording` ask for, of work that is long enough to be watched."""

    output: Path | None = None
    data: Path | None = None
    save_every: int | None = None
    gif: Path | None = None
    mp4: Path | None = None
    overwrite: bool = False
    quiet: bool = False


def recording(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--save-every`, `--gif`, `--mp4` and those of `outputs`: one argument, `recording`.

    `interp.recording` does what they say.
    """
    every = click.option(
        "--save-every",
        type=click.IntRange(min=1),
        help="Also write the picture after every so many steps, beside the output, as NAME-0050. "
        "Example: --save-every 50",
    )
    gif = click.option("--gif", type=_PATH, help="An animation to write. Example: --gif steps.gif")
    mp4 = click.option(
        "--mp4",
        type=_PATH,
        help="A film to write; needs the extra video. Example: --mp4 steps.mp4",
    )

    @functools.wraps(command)
    def gathered(**values: Any) -> Any:
        asked = Recording(**{name: values.pop(name) for name in Recording._fields})
        return command(recording=asked, **values)

    return every(gif(mp4(outputs(gathered))))


def parsed_size(size: str) -> tuple[int, int]:
    """Width and height of 640x480 or of 512; UsageError for what is no size."""
    found = re.fullmatch(r"(\d{1,9})(?:[xX×](\d{1,9}))?", size.strip())
    width, height = (int(side or found[1]) for side in found.groups()) if found else (0, 0)
    if min(width, height) < 1:
        raise click.UsageError(f"{size!r} is no size; write 512 or 640x480 (width first)")
    return width, height


def parsed_place(words: str | None) -> tuple[int, int] | None:
    """The row and column of `--place`."""
    if words is None:
        return None
    try:
        row, column = (int(number) for number in words.split(","))
    except ValueError:
        raise click.UsageError(f"{words!r} is no place; give ROW,COLUMN as in 6,7") from None
    return row, column


@contextmanager
def refusals() -> Iterator[None]:
    """Turn failures into click's errors: status 2 for a wrong call, 1 for work that failed."""
    from styletransfer.errors import RequestError, WorkError
    from styletransfer.images import ImageError

    try:
        with extra("interp"):
            yield
    except RequestError as error:
        raise click.UsageError(str(error)) from None
    except (WorkError, ImageError) as error:
        raise click.ClickException(str(error)) from None
    except MemoryError:
        raise click.ClickException("not enough memory; give fewer or smaller images") from None


def report(line: str) -> None:
    """Write a line to stderr, above the progress bar if there is one."""
    tqdm.write(line, file=sys.stderr)


def end(whole: bool) -> None:
    """Exit with 1 where some of the images could not be used, after the rest was done."""
    if not whole:
        sys.exit(1)


def on_terminal(quiet: bool = False) -> bool:
    """Whether progress may be shown: on a terminal only, and not if it is to be quiet."""
    return sys.stderr.isatty() and not quiet


def progress(total: int | None, unit: str, *, quiet: bool) -> "tqdm[Any]":
    """Open a bar with a rate, shown once the work has taken two seconds, and only on a terminal."""
    return tqdm(total=total, unit=unit, delay=2, disable=not on_terminal(quiet))
