"""`interp neighbors`: the images nearest to a query."""

from pathlib import Path
from typing import Literal

import click

from interp.commands import options
from interp.files import Outputs, gather
from interp.progress import progress, report

_SHOWN = 4


@click.command()
@options.images
@options.model
@options.layer
@click.option(
    "--query",
    "queries",
    multiple=True,
    type=options.PATH,
    help="Image whose neighbors are wanted; may be repeated. By default every image is one, "
    f"and the first {_SHOWN} are drawn. Example: --query cat.jpg",
)
@options.whole_number(
    "--count",
    "Number of neighbors of each query, itself included if it is among the images. "
    "Example: --count 5",
    default=8,
)
@options.choice(
    "--metric",
    ["l2", "cosine"],
    "Euclidean distance, or one minus the cosine. Example: --metric cosine",
    default="l2",
)
@options.outputs
def neighbors(
    images: tuple[Path, ...],
    model: options.ModelChoice,
    layer: str | None,
    queries: tuple[Path, ...],
    count: int,
    metric: Literal["l2", "cosine"],
    files: Outputs,
) -> None:
    """Find the images nearest to a query in feature space, and beside them in pixel space.

    The features are by default those of the last hidden layer. --data holds `indices` and
    `distances`, Q×count, the same of pixel space (`pixel_indices`, `pixel_distances`), the
    `features` N×D, and the files' names (`paths`, `queries`).

    Example: interp neighbors photos/ --query cat.jpg --model resnet18 -o neighbors.png
    """
    import numpy as np

    from interp.features.neighbors import draw_neighbors, nearest_neighbors

    paths = [source.path for source in gather(images)]
    asked = [source.path for source in gather(queries)]
    files.check([*paths, *asked])
    classifier = model.load(quiet=files.quiet)
    total = 2 * len({*paths, *asked})
    with progress(total, "image", quiet=files.quiet) as bar:
        found = nearest_neighbors(
            classifier, paths, asked, layer, count, metric, report=report, done=bar.update
        )
    files.write(
        draw_neighbors(classifier, found, shown=len(asked) or _SHOWN),
        indices=found.indices,
        distances=found.distances,
        pixel_indices=found.pixel_indices,
        pixel_distances=found.pixel_distances,
        features=found.features,
        paths=np.array([str(path) for path in found.paths]),
        queries=np.array([str(path) for path in found.queries]),
    )
    options.end(found.whole)
