"""`interp patches`: the patches of images at which channels are greatest."""

from pathlib import Path

import click

from interp.commands import options
from interp.files import Outputs, gather
from interp.progress import progress, report


@click.command()
@options.images
@options.model
@options.layer
@click.option(
    "--channels",
    default="0,1,2,3,4,5,6,7",
    show_default=True,
    help="Channels of the layer, with commas between. Example: --channels 17,42",
)
@options.whole_number(
    "--count",
    "Number of patches for each channel. Example: --count 5",
    default=9,
)
@options.outputs
def patches(
    images: tuple[Path, ...],
    model: options.ModelChoice,
    layer: str | None,
    channels: str,
    count: int,
    files: Outputs,
) -> None:
    """Find the patches of the images at which channels of a layer are greatest, one per image.

    Each is cut to the receptive field. --data holds `values` K×k, `images` K×k (indices of
    `paths`), `boxes` K×k×4 (top, left, bottom, right in the resized and cropped image), and
    `channels`.

    Example: interp patches photos/ --layer features.7 --channels 0,3 -o patches.png
    """
    if layer is None:
        raise click.UsageError("give a --layer; `interp layers` lists them")
    try:
        numbers = [int(number) for number in channels.split(",")]
    except ValueError:
        raise click.UsageError(f"{channels!r} are no channels; give numbers as in 17,42") from None
    import numpy as np

    from interp.features.patches import draw_patches, top_patches

    paths = [source.path for source in gather(images)]
    files.check(paths)
    classifier = model.load(quiet=files.quiet)
    with progress(len(paths), "image", quiet=files.quiet) as bar:
        found = top_patches(
            classifier, paths, layer, numbers, count, report=report, done=bar.update
        )
    files.write(
        draw_patches(classifier, paths, found, f"Strongest patches: {classifier.name}, {layer}"),
        values=found.values,
        images=found.images,
        boxes=found.boxes,
        channels=np.array(found.channels),
        paths=np.array([str(path) for path in paths]),
    )
    options.end(found.seen == len(paths))
