"""Are class images seen as their class, also moved and scaled, and more so than any photograph?

For classes spread evenly over all: an image by gradient ascent; how often its class is the first
of all under random jitter and scale; its score, and that of the class's photograph. The folder
holds one photograph for each class, and the sorted names are in the order of the classes.
Run: python benchmarks/class_images.py FOLDER --weights FILE
"""

import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from interp.network.classifier import Classifier, load_classifier
from interp.network.photographs import read_pixels
from interp.saliency.targets import class_score
from interp.synthesis.class_images import class_image
from interp.synthesis.recipes import PRESETS
from interp.synthesis.transforms import jitter, scale
from styletransfer.images import find_images

DRAWS = 50
JITTER = 16
SCALE = 0.2


def robustness(classifier: Classifier, picture: Tensor, index: int) -> float:
    """How often the class is the first under random jitter and scale."""
    generator = torch.Generator().manual_seed(0)
    shift, zoom = jitter(JITTER), scale(SCALE)
    hits = 0
    with torch.inference_mode():
        for _ in range(DRAWS):
            moved = zoom(shift(picture, generator), generator)
            hits += int(classifier(moved).argmax()) == index
    return hits / DRAWS


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", default="squeezenet1_0", show_default=True)
@click.option("--weights", default="default", show_default=True)
@click.option("--preset", type=click.Choice(list(PRESETS)), default="lucid", show_default=True)
@click.option("--steps", type=click.IntRange(min=1), help="Instead of the preset's.")
@click.option("--classes", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(
    folder: Path,
    model: str,
    weights: str,
    preset: str,
    steps: int | None,
    classes: int,
    seed: int,
) -> None:
    """Measure on so many classes, with one photograph of each in FOLDER."""
    classifier = load_classifier(model, weights)
    paths = find_images(folder)
    if len(paths) != len(classifier.names):
        raise click.UsageError(f"{folder}: give one photograph for each class, sorted by class")
    recipe = PRESETS[preset] if steps is None else replace(PRESETS[preset], steps=steps)
    print(f"{preset}, {recipe.steps} steps\n")
    print("| class | first of all | score | of the photograph | CPU s |")
    print("| --- | --- | --- | --- | --- |")
    shares, above = [], 0
    for index in np.linspace(0, len(paths) - 1, classes).round().astype(int).tolist():
        start = time.process_time()
        picture = class_image(classifier, class_score(index), recipe, seed=seed).picture
        seconds = time.process_time() - start
        photograph = read_pixels(classifier, paths[index], lambda note: None)
        with torch.inference_mode():
            score, real = (float(classifier(each)[0, index]) for each in (picture, photograph))
        shares.append(robustness(classifier, picture, index))
        above += score > real
        print(
            f"| {classifier.names[index]} | {shares[-1]:.0%} | {score:.1f} | {real:.1f} | "
            f"{seconds:.0f} |",
            flush=True,
        )
    print(
        f"\nfirst of all in {np.mean(shares):.1%} of the draws, in at least 90 % of them for "
        f"{sum(share >= 0.9 for share in shares)} of {classes} classes; "
        f"score above the photograph's for {above}"
    )


if __name__ == "__main__":
    main()
