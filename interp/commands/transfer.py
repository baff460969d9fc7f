"""`interp transfer`: style transfer by optimization."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from interp.commands import options
from interp.commands.optimization import listed, make_optimizer, optimization
from interp.files import read_opaque
from interp.progress import report
from interp.recording import Recorder, Recording
from styletransfer.errors import RequestError

if TYPE_CHECKING:
    from torch import Tensor

    from interp.synthesis.style_transfer import Start
    from styletransfer.images import Pixels

_REST = "rest"


@click.command()
@click.argument("photograph", type=options.PATH)
@click.argument("paintings", metavar="[PAINTING]...", nargs=-1, type=options.PATH)
@options.whole_number(
    "--size",
    "Short side of the result. Example: --size 1024 --levels 3",
    default=512,
)
@options.whole_number(
    "--style-size",
    "Short side to which the paintings are scaled: the size of the strokes. "
    "Example: --style-size 512",
    default=384,
)
@click.option(
    "--blend",
    help="Weight of each PAINTING; by default all alike. Example: --blend 2,1",
)
@click.option(
    "--mask",
    "masks",
    multiple=True,
    metavar=f"FILE|{_REST}",
    help=f"Mask of each PAINTING, in their order: an image as large as PHOTOGRAPH, white where the "
    f"painting goes, or '{_REST}', what no mask covers. Example: --mask sky.png --mask {_REST}",
)
@options.choice(
    "--start",
    ["photograph", "style", "noise"],
    "First picture. Example: --start noise",
    default="photograph",
)
@click.option(
    "--style-weight",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    help="Weight of the style; 0 rebuilds the content alone. Example: --style-weight 100",
)
@click.option(
    "--content-weight",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Weight of the content; 0 rebuilds the style alone. "
    "Example: --content-weight 0 --start noise",
)
@click.option(
    "--style-taps",
    help="Taps whose Gram matrices are the style; by default relu1_1,relu2_1,relu3_1,relu3_3. "
    "Example: --style-taps relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
)
@click.option(
    "--content-tap",
    default="relu3_2",
    show_default=True,
    help="Tap whose features are the content. Example: --content-tap relu4_2",
)
@click.option(
    "--preserve-colors",
    is_flag=True,
    help="Keep hue and chroma of the photograph, in Oklab. Example: --preserve-colors",
)
@options.whole_number(
    "--levels",
    "Number of sizes, coarse to fine, each twice the one before. Example: --levels 3",
    default=1,
)
@options.loss_network
@optimization
@options.seed
@options.recording
def transfer(
    photograph: Path,
    paintings: tuple[Path, ...],
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
    model: options.ModelChoice,
    steps: int,
    levels: int,
    optimizer: str,
    rate: float | None,
    seed: int,
    recording: Recording,
) -> None:
    """Paint PHOTOGRAPH in the style of one painting or more, by optimization (Gatys 2016).

    It minimizes the style loss, at three scales, and the content loss by which `styletransfer`
    trains. Ctrl-C
    writes what there is. --data holds `image`, 3×H×W in 0..1, and before each step, level after
    level, `losses` and their relative `style` and `content`.

    Example: interp transfer photo.jpg starry_night.jpg -o painted.png
    """
    if blend is not None and masks:
        raise click.UsageError("--blend is for styles everywhere, --mask for one a region")
    import numpy as np

    from interp.network.photographs import planes_of, shown
    from interp.pictures import resized
    from interp.synthesis.style_transfer import Style, transfer_style
    from styletransfer.images import to_tensor
    from styletransfer.inference import color
    from styletransfer.losses import Objective

    files = recording.files
    sources = [photograph, *paintings, *(Path(mask) for mask in masks if mask != _REST)]
    files.check(sources, drawn=False)
    recorder = Recorder(steps * levels, recording, sources)
    aim = Objective(
        style_weight=style_weight if paintings else 0.0,
        content_weight=content_weight,
        style_taps=Objective.style_taps if style_taps is None else listed(style_taps),
        content_tap=content_tap,
    )
    content = read_opaque(photograph, size, report)
    shares = _shares(blend, masks, len(paintings))
    regions = _regions(masks, content, len(paintings))
    network = model.load_loss_network(tuple(aim.taps))
    device = network.mean.device
    wanted = [
        Style(
            planes_of(read_opaque(path, style_size, report)).to(device),
            share,
            None if mask is None else mask.to(device),
        )
        for path, share, mask in zip(paintings, shares, regions, strict=True)
    ]
    with recorder:
        outcome = transfer_style(
            network,
            planes_of(content).to(device),
            wanted,
            aim,
            start=start,
            levels=levels,
            steps=steps,
            optimizer=make_optimizer(optimizer, rate),
            seed=seed,
            on_step=recorder.step,
        )
    made = shown(outcome.picture)
    if preserve_colors:
        made = color.preserve_colors(made, resized(content, *made.shape[:2]))
    files.write(
        made,
        image=to_tensor(made)[0],
        losses=np.array(outcome.losses),
        **{
            name: np.array([terms[name] / weight for terms in outcome.history])
            for name, weight in (
                ("style", aim.style_weight),
                ("content", aim.content_weight),
            )
            if weight
        },
    )
    options.finish(recorder, outcome.interrupted)


def _shares(blend: str | None, masks: tuple[str, ...], styles: int) -> list[float]:
    """The weights of the styles: they sum to 1, or are 1 where each has a place of its own."""
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
        report(note)
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
