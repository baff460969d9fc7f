"""`interp embed`: images in the plane."""

from pathlib import Path

import click

from interp.commands import options
from interp.files import Outputs, gather
from interp.progress import progress, report


@click.command()
@options.images
@options.model
@options.layer
@options.choice(
    "--method",
    ["tsne", "pca"],
    "Way from many dimensions to two. Example: --method pca",
    default="tsne",
)
@options.choice(
    "--view",
    ["scatter", "map", "grid"],
    "Points by class, the images at their points, or on a regular grid. Example: --view grid",
    default="scatter",
)
@click.option(
    "--perplexity",
    type=click.FloatRange(min=1),
    default=30,
    show_default=True,
    help="Perplexity of t-SNE: about how many neighbors count. Example: --perplexity 10",
)
@options.seed
@options.outputs
def embed(
    images: tuple[Path, ...],
    model: options.ModelChoice,
    layer: str | None,
    method: str,
    view: str,
    perplexity: float,
    seed: int,
    files: Outputs,
) -> None:
    """Draw images where their features put them in the plane.

    The class of an image, for the colors of a scatter plot, is its sub-folder. --data holds
    `coordinates` N×2, the `features` N×D, the `places` N×2 (row, column) on the regular grid, and
    the files' names (`paths`).

    Example: interp embed photos/ --view grid -o map.png
    """
    import numpy as np

    from interp.features.embedding import draw_embedding, grid_places, pca, tsne
    from interp.features.extraction import extract

    labels = {source.path: source.label for source in gather(images)}
    files.check(list(labels))
    classifier = model.load(quiet=files.quiet)
    with progress(len(labels), "image", quiet=files.quiet) as bar:
        known = extract(classifier, list(labels), layer, report=report, done=bar.update)
    if method == "pca":
        points = pca(known.values)
    else:
        points = tsne(known.values, perplexity=perplexity, seed=seed)
    words = f"perplexity {perplexity:g}" if method == "tsne" else "the two greatest variances"
    title = f"{len(points)} images by {method}, {words}: {classifier.name}"
    names = [labels[path] for path in known.paths]
    files.write(
        draw_embedding(classifier, known.paths, points, names, view, title),
        coordinates=points,
        features=known.values,
        places=grid_places(points),
        paths=np.array([str(path) for path in known.paths]),
    )
    options.end(len(known.paths) == len(labels))
