"""Is `interp` right, fast, and do its saliency maps find what a class depends on?

Each part is a command of its own, and prints its table. FOLDER holds one photograph for each
class, and their sorted names are in the order of the classes.

Run: python benchmarks/inspection.py occlusion|captum|deletion|embedding FOLDER --weights FILE
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from captum import attr
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torchvision.transforms import functional as vision

from interp.features.embedding import tsne
from interp.features.extraction import extract
from interp.features.neighbors import nearest
from interp.network.classifier import Classifier, load_classifier
from interp.network.photographs import read_pixels
from interp.network.taps import find_layer
from interp.saliency import METHODS, Method
from interp.saliency.cam import last_map_layer
from interp.saliency.covering import STRIDE, WINDOW, occlusion
from interp.saliency.methods import attribution, explain
from interp.saliency.targets import class_score
from styletransfer.images import find_images

BATCHES = (1, 4, 8, 16)
ROUNDS = 3

# Of the deletion test.
SHARE = 0.2
SMOOTHING = 4.0
BLUR = 10.0
BLOCK = 16
DRAWS = 5

NEIGHBORS = 5

Photographs = list[tuple[Path, int]]  # each with its class


def read(classifier: Classifier, path: Path) -> Tensor:
    return read_pixels(classifier, path, lambda note: None)


def captums_occlusion(classifier: Classifier, pixels: Tensor, target: int, batch: int) -> Tensor:
    with torch.inference_mode():
        values: Tensor = attr.Occlusion(classifier).attribute(
            pixels,
            (3, WINDOW, WINDOW),
            (3, STRIDE, STRIDE),
            baselines=0.5,
            target=target,
            perturbations_per_eval=batch,
        )
    return values[:, 0]


def captums(method: Method, classifier: Classifier, pixels: Tensor, target: int) -> Tensor:
    """What Captum gives where `attribution` gives the same."""
    if method == "occlusion":
        return captums_occlusion(classifier, pixels, target, 8)
    x = pixels.clone().requires_grad_()
    if method == "grad-cam":
        layer = find_layer(classifier, last_map_layer(classifier, pixels))
        maps = attr.LayerGradCam(classifier, layer).attribute(x, target, relu_attributions=True)
        large = F.interpolate(maps, pixels.shape[2:], mode="bilinear", align_corners=False)
        return large[:, 0].detach()
    theirs: Any = {
        "gradient": lambda: attr.Saliency(classifier).attribute(x, target, abs=False),
        "input-x-gradient": lambda: attr.InputXGradient(classifier).attribute(x, target),
        "integrated-gradients": lambda: attr.IntegratedGradients(classifier).attribute(
            x, target=target, n_steps=50, internal_batch_size=1
        ),
        "guided": lambda: attr.GuidedBackprop(classifier).attribute(x, target),
    }
    values: Tensor = theirs[method]().detach()
    return values


def compare_captum(classifier: Classifier, photographs: Photographs) -> None:
    # SmoothGrad is another random draw in Captum.
    print("\n| method | largest difference from Captum, of its largest value |\n| --- | --- |")
    for method in METHODS:
        if method in ("smoothgrad", "guided-grad-cam"):
            continue
        differences = []
        for path, index in photographs:
            pixels = read(classifier, path)
            theirs = captums(method, classifier, pixels, index)
            ours = attribution(method, classifier, pixels, class_score(index))
            differences.append(float((ours - theirs).abs().max() / theirs.abs().max()))
        print(f"| {method} | {max(differences):.1e} |", flush=True)


def compare_occlusion(classifier: Classifier, pixels: Tensor, target: int) -> None:
    def ours(batch: int) -> Tensor:
        return occlusion(classifier, pixels, class_score(target), batch=batch)

    def theirs(batch: int) -> Tensor:
        return captums_occlusion(classifier, pixels, target, batch)

    def seconds(work: Callable[[int], Tensor], batch: int) -> float:
        start = time.perf_counter()
        work(batch)
        return time.perf_counter() - start

    runs = {"Captum": theirs, "ours": ours}
    ours(1)
    best = {}
    for name, work in runs.items():
        trial = {batch: seconds(work, batch) for batch in BATCHES}
        best[name] = min(trial, key=lambda batch: trial[batch])
    # In turn, so that what else the machine does slows both.
    rounds = [
        {name: seconds(work, best[name]) for name, work in runs.items()} for _ in range(ROUNDS)
    ]
    times = {name: float(np.median([each[name] for each in rounds])) for name in runs}
    threads = torch.get_num_threads()
    print(f"\n| occlusion, {threads} threads | best batch | s a map | times Captum |")
    print("| --- | --- | --- | --- |")
    for name, value in times.items():
        print(f"| {name} | {best[name]} | {value:.2f} | {times['Captum'] / value:.2f} |")


def random_blocks(size: int, random: np.random.Generator) -> np.ndarray:
    blocks = size // BLOCK
    chosen = np.zeros(blocks * blocks, bool)
    chosen[random.permutation(len(chosen))[: round(SHARE * len(chosen))]] = True
    return chosen.reshape(blocks, blocks).repeat(BLOCK, 0).repeat(BLOCK, 1)


def falls_of(classifier: Classifier, pixels: Tensor, index: int, masks: np.ndarray) -> np.ndarray:
    """The fall of the class's probability, for each mask, when what it marks is blurred."""
    blurred = vision.gaussian_blur(pixels, [61, 61], [BLUR, BLUR])
    covered = torch.where(torch.from_numpy(masks)[:, None], blurred, pixels)
    images = torch.cat([pixels, covered]).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        values = classifier(images).softmax(-1)[:, index].numpy()
    falls: np.ndarray = values[0] - values[1:]
    return falls


def compare_deletion(
    classifier: Classifier, photographs: Photographs, methods: tuple[Method, ...], seed: int
) -> None:
    falls: dict[str, list[float]] = {name: [] for name in ("random blocks", *methods)}
    for path, index in photographs:
        pixels = read(classifier, path)
        # The same blocks whichever methods are compared.
        random = np.random.default_rng([seed, index])
        blocks = np.stack([random_blocks(classifier.size, random) for _ in range(DRAWS)])
        masks = []
        for method in methods:
            found = explain(method, classifier, pixels, class_score(index))[0]
            smooth = gaussian_filter(found.numpy().astype(np.float64), SMOOTHING)
            masks.append(smooth > np.quantile(smooth, 1 - SHARE))
        values = falls_of(classifier, pixels, index, np.stack([*masks, *blocks]))
        for method, value in zip(methods, values[: len(methods)], strict=True):
            falls[method].append(float(value))
        falls["random blocks"].append(float(values[len(methods) :].mean()))
    chance = float(np.mean(falls["random blocks"]))
    print(f"\n| {len(photographs)} photographs | fall of the probability | times random |")
    print("| --- | --- | --- |")
    for name, each in falls.items():
        print(f"| {name} | {np.mean(each):.3f} | {np.mean(each) / chance:.2f} |")


def compare_embedding(classifier: Classifier, paths: list[Path]) -> None:
    from sklearn.manifold import trustworthiness
    from sklearn.neighbors import NearestNeighbors

    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        start = time.perf_counter()
        features = extract(classifier, paths, report=lambda line: None).values
        middle = time.perf_counter()
    points = tsne(features)
    end = time.perf_counter()
    trust = trustworthiness(features, points, n_neighbors=NEIGHBORS)
    print(f"\n| {len(features)} photographs, {torch.get_num_threads()} threads | |\n| --- | --- |")
    print(f"| features, s | {middle - start:.0f} |\n| t-SNE, s | {end - middle:.0f} |")
    print(f"| trustworthiness at k = {NEIGHBORS} | {trust:.3f} |")
    for metric, name in (("l2", "euclidean"), ("cosine", "cosine")):
        oracle = NearestNeighbors(n_neighbors=NEIGHBORS, algorithm="brute", metric=name)
        _, theirs = oracle.fit(features.astype(np.float64)).kneighbors(features.astype(np.float64))
        ours, _ = nearest(features, features, NEIGHBORS, metric)  # type: ignore[arg-type]
        same = (ours == theirs).mean()
        print(f"| neighbors that are scikit-learn's, {metric} | {same:.2%} |", flush=True)


def options(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The folder and the model of a part, and how many of the photographs it takes."""

    def add(part: Callable[..., None]) -> Callable[..., None]:
        folder = click.Path(exists=True, file_okay=False, path_type=Path)
        number = click.option(
            "--photographs", type=click.IntRange(min=1), default=count, show_default=True
        )
        model = click.option("--model", default="squeezenet1_0", show_default=True)
        weights = click.option("--weights", default="default", show_default=True)
        return click.argument("folder", type=folder)(model(weights(number(part))))

    return add


def prepared(folder: Path, model: str, weights: str, count: int) -> tuple[Classifier, Photographs]:
    """The classifier, and so many photographs, spread evenly, with their classes."""
    classifier = load_classifier(model, weights)
    paths = find_images(folder)
    if len(paths) != len(classifier.names):
        raise click.UsageError(f"{folder}: give one photograph for each class, sorted by class")
    places = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return classifier, [(paths[place], int(place)) for place in places]


@click.group()
def main() -> None:
    """Measure `interp`, each part on so many of the photographs in FOLDER, spread evenly."""


@main.command("occlusion")
@options(1)
def occlusion_part(folder: Path, model: str, weights: str, photographs: int) -> None:
    """Seconds for one map, beside Captum's, each at its best batch."""
    classifier, chosen = prepared(folder, model, weights, photographs)
    path, index = chosen[0]
    compare_occlusion(classifier, read(classifier, path), index)


@main.command()
@options(3)
def captum(folder: Path, model: str, weights: str, photographs: int) -> None:
    """The difference of each method's values from Captum's."""
    compare_captum(*prepared(folder, model, weights, photographs))


@main.command()
@options(200)
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), default=METHODS)
@click.option("--seed", default=0, show_default=True)
def deletion(
    folder: Path,
    model: str,
    weights: str,
    photographs: int,
    methods: tuple[Method, ...],
    seed: int,
) -> None:
    """Blur what is most salient: how far does the right class's probability fall?

    It is the 20 % of the pixels whose map, smoothed with σ = 4, is greatest, and beside it random
    blocks of 16×16 pixels with the same area.
    """
    compare_deletion(*prepared(folder, model, weights, photographs), methods, seed)


@main.command()
@options(1000)
def embedding(folder: Path, model: str, weights: str, photographs: int) -> None:
    """Features of the photographs, their neighbors beside scikit-learn's, and t-SNE."""
    classifier, chosen = prepared(folder, model, weights, photographs)
    compare_embedding(classifier, [path for path, _ in chosen])


if __name__ == "__main__":
    main()
