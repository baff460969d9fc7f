"""The commands on images as points in feature space: neighbors and embed."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import numpy as np

from interp.commands import options

if TYPE_CHECKING:
    from styletransfer.images import Pixels

SHOWN = 4


@click.command()
@options.images
@options.model
@options.layer
@click.option(
    "--query",
    "queries",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An image whose neighbors are wanted; may be repeated. By default every image is one, "
    f"and the first {SHOWN} are drawn. Example: --query cat.jpg",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Neighbors of each, itself included if it is among the images. Example: --count 5",
)
@click.option(
    "--metric",
    type=click.Choice(["l2", "cosine"]),
    default="l2",
    show_default=True,
    help="Euclidean distance, or one minus the cosine. Example: --metric cosine",
)
@options.outputs
def neighbors(
    images: tuple[Path, ...],
    model: str,
    weights: str,
    layer: str | None,
    queries: tuple[Path, ...],
    count: int,
    metric: Literal["l2", "cosine"],
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Find the images nearest to a query in feature space, and beside them in pixel space.

    The features are by default those of the last hidden layer. --data holds `indices` and
    `distances`, Q×count, the same of pixel space (`pixel_indices`, `pixel_distances`), the
    `features` N×D, and the files' names (`paths`, `queries`).

    Example: interp neighbors photos/ --query cat.jpg --model resnet18 -o neighbors.png
    """
    with options.refusals():
        from interp.commands.files import Outputs, gather
        from interp.features.extraction import extract, extract_pixels
        from interp.features.neighbors import draw_neighbors, nearest
        from interp.figures import fitted
        from interp.network.classifier import load_classifier
        from interp.network.photographs import read_pixels, shown

        paths = [source.path for source in gather(images)]
        asked = [source.path for source in gather(queries)]
        files = Outputs(output, data, quiet)
        files.check([*paths, *asked], overwrite=overwrite)
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        everything = list(dict.fromkeys([*paths, *asked]))
        with options.progress(2 * len(everything), "image", quiet=quiet) as bar:
            known = extract(classifier, everything, layer, report=options.report, done=bar.update)
            plain = extract_pixels(classifier, known.paths, report=options.report, done=bar.update)
        place = {path: index for index, path in enumerate(known.paths)}
        base = [path for path in paths if path in place]
        wanted = [path for path in asked or base if path in place]
        if not base or not wanted:
            raise click.ClickException("no query or no image to compare it with can be read")
        rows, own = [place[path] for path in base], [place[path] for path in wanted]
        count = min(count, len(base))
        found = [
            nearest(space.values[rows], space.values[own], count, metric)
            for space in (known, plain)
        ]

        def tile(path: Path) -> "Pixels":
            return fitted(shown(read_pixels(classifier, path, lambda note: None)), 128)

        strips = [
            (name, tile(query), [(tile(base[i]), d) for i, d in zip(*pair, strict=True)])
            for number, query in enumerate(wanted[: len(asked) or SHOWN])
            for name, pair in (
                ("features", (found[0][0][number], found[0][1][number])),
                ("pixels", (found[1][0][number], found[1][1][number])),
            )
        ]
        files.write(
            draw_neighbors(strips),
            indices=found[0][0],
            distances=found[0][1],
            pixel_indices=found[1][0],
            pixel_distances=found[1][1],
            features=known.values[rows],
            paths=np.array([str(path) for path in base]),
            queries=np.array([str(path) for path in wanted]),
        )
    options.end(len(known.paths) == len(everything))


@click.command()
@options.images
@options.model
@options.layer
@click.option(
    "--method",
    type=click.Choice(["tsne", "pca"]),
    default="tsne",
    show_default=True,
    help="How many dimensions become two. Example: --method pca",
)
@click.option(
    "--view",
    type=click.Choice(["scatter", "map", "grid"]),
    default="scatter",
    show_default=True,
    help="Points by class, the images at their points, or on a regular grid. Example: --view grid",
)
@click.option(
    "--perplexity",
    type=click.FloatRange(min=1),
    default=30,
    show_default=True,
    help="Of t-SNE: about how many neighbors count. Example: --perplexity 10",
)
@options.seed
@options.outputs
def embed(
    images: tuple[Path, ...],
    model: str,
    weights: str,
    layer: str | None,
    method: str,
    view: str,
    perplexity: float,
    seed: int,
    output: Path | None,
    data: Path | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Draw images where their features put them in the plane.

    The class of an image, for the colors of a scatter plot, is its sub-folder. --data holds
    `coordinates` N×2, the `features` N×D, the `places` N×2 (row, column) on the regular grid, and
    the files' names (`paths`).

    Example: interp embed photos/ --view grid -o map.png
    """
    with options.refusals():
        from interp import figures
        from interp.commands.files import Outputs, gather
        from interp.features.embedding import draw_grid, grid_places, pca, tsne
        from interp.features.extraction import extract
        from interp.network.classifier import load_classifier
        from interp.network.photographs import read_pixels, shown

        labels = {source.path: source.label for source in gather(images)}
        files = Outputs(output, data, quiet)
        files.check(list(labels), overwrite=overwrite)
        classifier = load_classifier(model, weights, progress=options.on_terminal(quiet))
        with options.progress(len(labels), "image", quiet=quiet) as bar:
            known = extract(classifier, list(labels), layer, report=options.report, done=bar.update)
        if method == "pca":
            points = pca(known.values)
        else:
            points = tsne(known.values, perplexity=perplexity, seed=seed)
        places = grid_places(points)

        def tiles(side: int) -> "list[Pixels]":
            read = (read_pixels(classifier, path, lambda note: None) for path in known.paths)
            return [figures.resized(shown(pixels), side, side) for pixels in read]

        if view == "scatter":
            figure = figures.scatter(points, [labels[path] for path in known.paths])
        elif view == "map":
            figure = figures.picture_map(points, tiles(48))
        else:
            figure = draw_grid(places, tiles(48))
        files.write(
            figure,
            coordinates=points,
            features=known.values,
            places=places,
            paths=np.array([str(path) for path in known.paths]),
        )
    options.end(len(known.paths) == len(labels))


COMMANDS = (neighbors, embed)
