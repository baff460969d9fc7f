"""`interp segment`: cut the object of a class out."""

from pathlib import Path

import click

from interp.commands import options
from interp.files import Outputs, gather
from interp.progress import progress, report
from interp.saliency import METHODS, Method


@click.command()
@options.images
@options.model
@options.choice(
    "--method",
    METHODS,
    "Method of the saliency map that gives the seeds. Example: --method smoothgrad",
    default="guided-grad-cam",
)
@options.class_name
@options.crop(default=False)
@options.seed
@options.outputs
def segment(
    images: tuple[Path, ...],
    model: options.ModelChoice,
    method: Method,
    class_name: str | None,
    crop: bool,
    seed: int,
    files: Outputs,
) -> None:
    """Cut the object of a class out: saliency tells where it is, GrabCut how far it reaches.

    --data holds `mask` N×H×W, `map` N×H×W, the `classes`,
    and the files' names (`paths`).

    Example: interp segment photo.jpg --class mushroom -o object.png
    """
    import numpy as np

    from interp.saliency.methods import Settings
    from interp.saliency.segmentation import segment_images

    paths = [source.path for source in gather(images)]
    files.check(paths)
    classifier = model.load(quiet=files.quiet)
    with progress(len(paths), "image", quiet=files.quiet) as bar:
        found = segment_images(
            classifier,
            paths,
            method,
            crop=crop,
            classes=class_name,
            settings=Settings(seed=seed),
            report=report,
            done=bar.update,
        )
    saliency = found.saliency
    files.write(
        found.figure(),
        **options.stacked("mask", found.masks),
        **options.stacked("map", saliency.maps),
        classes=saliency.classes,
        paths=np.array(saliency.names),
    )
    options.end(len(saliency.names) == len(paths))
