"""The commands that a loss network's Gram matrices drive: texture, transfer."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from interp import options

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from interp.synthesis.style_transfer import Start
    from styletransfer.images import Pixels
    from styletransfer.losses import LossNetwork

Command = TypeVar("Command", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)
_REST = "rest"


def _loss_network(command: Command) -> Command:
    """Add `--model` and `--weights`."""
    named = click.option(
        "--model",
        default="vgg19",
        show_default=True,
        help="The loss network: vgg19, vgg16, squeezenet1_0 or squeezenet1_1. Example: --model "
        "vgg16",
    )
    weighted = click.option(
        "--weights",
        default="default",
        show_default=True,
        help="'default' for torchvision's, 'random', or a .safetensors or .pth file, which need "
        "hold no more than the deepest tap. Example: --weights vgg19.safetensors",
    )
    return named(weighted(command))


def _optimization(command: Command) -> Command:
    """Add `--steps`, `--optimizer` and `--rate`."""
    steps = click.option(
        "--steps",
        type=click.IntRange(min=1),
        default=200,
        show_default=True,
        help="Of the optimiser, at each level. Example: --steps 500",
    )
    optimizer = click.option(
        "--optimizer",
        type=click.Choice(["lbfgs", "adam"]),
        default="lbfgs",
        show_default=True,
        help="L-BFGS goes deeper, Adam's steps are cheaper. Example: --optimizer adam",
    )
    rate = click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True),
        help="Of Adam, 0.02 by default. Example: --optimizer adam --rate 0.05",
    )
    return steps(optimizer(rate(command)))


@click.command()
@click.argument("sample", type=_PATH)
@click.option(
    "--size",
    metavar="WxH|N",
    help="Of the texture, in pixels; N is N×N. By default the sample's. Example: --size 512",
)
@click.option(
    "--sample-size",
    type=click.IntRange(min=1),
    help="Scale the sample to this short side first. Example: --sample-size 256",
)
@click.option(
    "--taps",
    help="Whose Gram matrices count; by default relu1_1 and pool1 to pool4. "
    "Example: --taps relu1_1,pool1,pool2,pool3",
)
@click.option(
    "--pooling",
    type=click.Choice(["max", "average"]),
    default="average",
    show_default=True,
    help="Of the loss network. Example: --pooling max",
)
@click.option(
    "--levels",
    type=click.IntRange(min=1),
    help="Coarse to fine: how many sizes, each twice the one before; by default as many as leave "
    "the sample 32 pixels. Example: --levels 1",
)
@_loss_network
@_optimization
@options.seed
@options.recording
@options.outputs
def texture(
    sample: Path,
    size: str | None,
    sample_size: int | None,
    taps: str | None,
    pooling: Literal["max", "average"],
    model: str,
    weights: str,
    steps: int,
    levels: int | None,
    optimizer: str,
    rate: float | None,
    seed: int,
    save_every: int | None,
    gif: Path | None,
    mp4: Path | None,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Make a texture like SAMPLE from noise, by the Gram matrices of a network (Gatys 2015).

    Its colours are in the end those of SAMPLE. Ctrl-C writes what there is. --data holds `image`,
    3×H×W in 0..1, and `losses`, the loss before each step, level after level.

    Example: interp texture petals.png --size 512 -o more.png
    """
    wanted = None if size is None else options.parsed_size(size)
    with options.refusals():
        import numpy as np

        from interp.files import Outputs, read_opaque
        from interp.photographs import shown
        from interp.synthesis.gram_texture import TEXTURE_TAPS, synthesize_texture, texture_levels
        from interp.synthesis.recording import Recorder
        from styletransfer.images import to_tensor

        files = Outputs(output, data, quiet)
        files.check([sample], overwrite=overwrite)
        pixels = read_opaque(sample, sample_size, options.report)
        image = _planes(pixels)
        levels = levels or texture_levels(image)
        recorder = Recorder(
            steps * levels,
            output=output,
            save_every=save_every,
            gif=gif,
            mp4=mp4,
            sources=[sample],
            overwrite=overwrite,
            quiet=quiet,
        )
        width, height = wanted or pixels.shape[1::-1]
        read = TEXTURE_TAPS if taps is None else _listed(taps)
        network = _open(model, read, weights, pooling=pooling)
        with recorder:
            outcome = synthesize_texture(
                network,
                image,
                height,
                width,
                taps=read,
                levels=levels,
                steps=steps,
                optimizer=_optimizer(optimizer, rate),
                seed=seed,
                on_step=recorder.step,
            )
        made = shown(outcome.picture)
        files.write(made, image=to_tensor(made)[0], losses=np.array(outcome.losses))
        recorder.finish(interrupted=outcome.interrupted)


@click.command()
@click.argument("photograph", type=_PATH)
@click.argument("styles", metavar="[STYLE]...", nargs=-1, type=_PATH)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    help="Short side of the result. Example: --size 1024 --levels 3",
)
@click.option(
    "--style-size",
    type=click.IntRange(min=1),
    default=384,
    show_default=True,
    help="Short side to which the paintings are scaled: the size of the strokes. "
    "Example: --style-size 512",
)
@click.option(
    "--blend",
    help="How much each STYLE counts; by default all alike. Example: --blend 2,1",
)
@click.option(
    "--mask",
    "masks",
    multiple=True,
    metavar=f"FILE|{_REST}",
    help=f"Where each STYLE goes, one for each in their order: an image as large as PHOTOGRAPH, "
    f"white there, or '{_REST}', what no mask covers. Example: --mask sky.png --mask {_REST}",
)
@click.option(
    "--start",
    type=click.Choice(["photograph", "style", "noise"]),
    default="photograph",
    show_default=True,
    help="What is changed. Example: --start noise",
)
@click.option(
    "--style-weight",
    type=click.FloatRange(min=0),
    default=100.0,
    show_default=True,
    help="0 rebuilds the content alone. Example: --style-weight 1000",
)
@click.option(
    "--content-weight",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="0 rebuilds the style alone. Example: --content-weight 0 --start noise",
)
@click.option(
    "--style-taps",
    help="Whose Gram matrices are the style; by default relu1_1,relu2_1,relu3_1,relu3_3. "
    "Example: --style-taps relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
)
@click.option(
    "--content-tap",
    default="relu3_2",
    show_default=True,
    help="Whose features are the content. Example: --content-tap relu4_2",
)
@click.option(
    "--preserve-colors",
    is_flag=True,
    help="Keep hue and chroma of the photograph, in Oklab. Example: --preserve-colors",
)
@click.option(
    "--levels",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Coarse to fine: how many sizes, each twice the one before. Example: --levels 3",
)
@_loss_network
@_optimization
@options.seed
@options.recording
@options.outputs
def transfer(
    photograph: Path,
    styles: tuple[Path, ...],
    size: int,
    style_size: int,
    blend: str | None,
    masks: tuple[str, ...],
    start: "Start",
    style_weight: float,
    content_weight: float,
    style_taps: str | None,
    content_tap: str,
    preserve_colors: bool,
    model: str,
    weights: str,
    steps: int,
    levels: int,
    optimizer: str,
    rate: float | None,
    seed: int,
    save_every: int | None,
    gif: Path | None,
    mp4: Path | None,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Paint PHOTOGRAPH in the style of one painting or more, by optimisation (Gatys 2016).

    What is minimised is the loss that the networks of `styletransfer` are trained by, so it tells
    how good they are; they need a thousandth of the time. Ctrl-C writes what there is. --data holds
    `image`, 3×H×W in 0..1, and before each step, level after level, `losses` and their relative
    `style` and `content`.

    Example: interp transfer photo.jpg starry_night.jpg -o painted.png
    """
    if blend is not None and masks:
        raise click.UsageError("--blend is for styles everywhere, --mask for one a region")
    with options.refusals():
        import numpy as np

        from interp.figures import resized
        from interp.files import Outputs, read_opaque
        from interp.photographs import shown
        from interp.synthesis.recording import Recorder
        from interp.synthesis.style_transfer import Recipe, Style, transfer_style
        from styletransfer.images import to_tensor
        from styletransfer.inference.colour import preserve_colours

        sources = [photograph, *styles, *(Path(mask) for mask in masks if mask != _REST)]
        files = Outputs(output, data, quiet)
        files.check(sources, overwrite=overwrite)
        recorder = Recorder(
            steps * levels,
            output=output,
            save_every=save_every,
            gif=gif,
            mp4=mp4,
            sources=sources,
            overwrite=overwrite,
            quiet=quiet,
        )
        recipe = Recipe(
            style_weight if styles else 0.0,
            content_weight,
            Recipe.style_taps if style_taps is None else _listed(style_taps),
            content_tap,
        )
        content = read_opaque(photograph, size, options.report)
        shares = _shares(blend, masks, len(styles))
        regions = _regions(masks, content, len(styles))
        wanted = [
            Style(_planes(read_opaque(path, style_size, options.report)), share, mask)
            for path, share, mask in zip(styles, shares, regions, strict=True)
        ]
        network = _open(model, recipe.taps(), weights)
        with recorder:
            outcome = transfer_style(
                network,
                _planes(content),
                wanted,
                recipe,
                start=start,
                levels=levels,
                steps=steps,
                optimizer=_optimizer(optimizer, rate),
                seed=seed,
                on_step=recorder.step,
            )
        made = shown(outcome.picture)
        if preserve_colors:
            made = preserve_colours(made, resized(content, *made.shape[:2]))
        files.write(
            made,
            image=to_tensor(made)[0],
            losses=np.array(outcome.losses),
            **{
                name: np.array([terms[name] / weight for terms in outcome.history])
                for name, weight in (
                    ("style", recipe.style_weight),
                    ("content", recipe.content_weight),
                )
                if weight
            },
        )
        recorder.finish(interrupted=outcome.interrupted)


def _listed(taps: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tap.strip() for tap in taps.split(",") if tap.strip()))


def _open(
    model: str,
    taps: tuple[str, ...],
    weights: str,
    pooling: Literal["max", "average"] = "max",
) -> "LossNetwork":
    """The loss network; RequestError for what it cannot be, WorkError for weights it cannot get."""
    from interp.errors import RequestError, WorkError
    from styletransfer.losses import LossNetwork

    try:
        return LossNetwork(model, taps, weights, pooling=pooling)
    except FileNotFoundError as error:
        raise RequestError(str(error)) from error
    except ValueError as error:
        shallower = "; name shallower taps" if "deepest tap" in str(error) else ""
        raise RequestError(f"{error}{shallower}") from error
    # Whatever a damaged file or the download raises.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WorkError(f"{model}: no weights from {weights!r} ({reason})") from error


def _optimizer(name: str, rate: float | None) -> "Callable[[list[Tensor]], torch.optim.Optimizer]":
    from interp.errors import RequestError
    from interp.synthesis.loop import adam, lbfgs

    if name == "adam":
        return adam(0.02 if rate is None else rate)
    if rate is not None:
        raise RequestError("--rate goes with --optimizer adam; L-BFGS searches for its steps")
    return lbfgs()


def _planes(pixels: "Pixels") -> "Tensor":
    import torch

    from styletransfer.images import to_tensor

    return torch.from_numpy(to_tensor(pixels))


def _shares(blend: str | None, masks: tuple[str, ...], styles: int) -> list[float]:
    """The weights of the styles: they sum to 1, or are 1 where each has a place of its own."""
    from interp.errors import RequestError

    if masks:
        return [1.0] * styles
    if blend is None:
        return [1 / max(styles, 1)] * styles
    try:
        shares = [float(number) for number in blend.split(",")]
    except ValueError:
        shares = []
    if len(shares) != styles or not all(0 <= share < float("inf") for share in shares):
        raise RequestError(
            f"--blend {blend!r} is not a number for each of the styles; there are {styles}"
        )
    if not sum(shares):
        raise RequestError("--blend leaves no style; give one of them more than 0")
    return [share / sum(shares) for share in shares]


def _regions(masks: tuple[str, ...], photograph: "Pixels", styles: int) -> "list[Tensor | None]":
    """The mask of each style, 1×1×H×W of the photograph's size in 0..1, with soft borders."""
    import torch

    from interp.errors import RequestError
    from styletransfer.inference.masks import Region, read_masks, weight_maps

    if not masks:
        return [None] * styles
    if len(masks) != styles:
        raise RequestError(
            f"the masks are {len(masks)} and the styles {styles}; give each style its mask"
        )
    if masks.count(_REST) > 1:
        raise RequestError(f"--mask {_REST} is given twice; one style takes what is left")
    planes, notes = read_masks([Region(None if m == _REST else Path(m), "") for m in masks])
    for note in notes:
        options.report(note)
    height, width = photograph.shape[:2]
    for name, plane in zip(masks, planes, strict=True):
        if plane is None:
            continue
        scale = min(height, width) / min(plane.shape)
        if tuple(round(side * scale) for side in plane.shape) != (height, width):
            tall, wide = plane.shape
            raise RequestError(
                f"{name} has {wide}×{tall} pixels, another shape than the photograph, which is "
                f"scaled to {width}×{height}; make it as large as the photograph"
            )
    *maps, _ = weight_maps(planes, height, width)
    return [torch.from_numpy(weights / 255).float()[None, None] for weights in maps]


COMMANDS = (texture, transfer)
