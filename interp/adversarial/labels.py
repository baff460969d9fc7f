"""Which class each image of a folder is of: by its sub-folder, by a table, or by its place."""

import csv
from collections.abc import Sequence
from pathlib import Path

from interp.files import Source
from interp.network.classifier import Classifier
from styletransfer.errors import RequestError

SORTED = "sorted"


def read_classes(
    classifier: Classifier, folder: Path, sources: Sequence[Source], labels: str | None = None
) -> list[int]:
    """The class index of each of `sources`, the images of `folder`.

    Args:
        classifier: Its names of classes are searched.
        folder: The folder of images.
        sources: Its images.
        labels: What tells the classes. None: the names of the sub-folders are classes (an index,
            a name or a part of it). `"sorted"`: the sub-folders, or the images if there are none,
            are one for each class in sorted order. Otherwise the path of a CSV file with the
            columns `file`, within the folder, and `class`.

    Raises:
        RequestError: An image without a class, a class that the model does not have, or another
            number of sub-folders or images than there are classes.
    """
    if labels == SORTED:
        return _by_place(classifier, folder, sources)
    if labels is not None:
        return _by_table(classifier, folder, sources, Path(labels))
    for source in sources:
        if not source.label:
            raise RequestError(
                f"{source.path} is in no sub-folder that names its class; give --labels FILE.csv, "
                f"or --labels {SORTED}"
            )
    return _found(classifier, [source.label for source in sources])


def _by_place(classifier: Classifier, folder: Path, sources: Sequence[Source]) -> list[int]:
    if all(source.label for source in sources):
        keys, kind = [source.label for source in sources], "sub-folders"
    else:
        keys, kind = [source.path.relative_to(folder).as_posix() for source in sources], "images"
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    if len(places) != len(classifier.names):
        raise RequestError(
            f"{folder}: --labels {SORTED} needs one for each of {len(classifier.names)} classes, "
            f"and there are {len(places)} {kind}; give --labels FILE.csv"
        )
    return [places[key] for key in keys]


def _by_table(
    classifier: Classifier, folder: Path, sources: Sequence[Source], path: Path
) -> list[int]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"file", "class"} <= set(reader.fieldnames or ()):
                raise RequestError(f"{path}: its first line must be file,class")
            table = {Path(row["file"]): row["class"] or "" for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise RequestError(
            f"{path}: cannot be read ({said}); give a CSV file, or {SORTED}"
        ) from error
    missing = [source.path for source in sources if source.path.relative_to(folder) not in table]
    if missing:
        raise RequestError(
            f"{path}: has no line for {missing[0].relative_to(folder)}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + "; add them, or take them out of the folder"
        )
    return _found(classifier, [table[source.path.relative_to(folder)] for source in sources])


def _found(classifier: Classifier, names: Sequence[str]) -> list[int]:
    # Looking for a class reads all their names, and an image set has each class many times.
    known = {name: classifier.find_class(name) for name in dict.fromkeys(names)}
    return [known[name] for name in names]
