"""Is our occlusion faster than Captum's, and do the saliency maps find what the class depends on?

Occlusion: the time of one map by ours and by Captum, each at its best batch. Deletion: the 20 %
most salient pixels (map smoothed with σ = 4) are blurred, and the fall of the right class's
probability is divided by the fall for random 16-pixel blocks of the same area. The folder holds
one photograph for each class, and the sorted names are in the order of the classes.
Run: python benchmarks/interp.py FOLDER --weights FILE
"""

import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch
from captum.attr import Occlusion
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torchvision.transforms import functional as vision

from interp.models import Classifier, load_classifier
from interp.photographs import read_pixels
from interp.saliency.methods import saliency_map
from interp.saliency.names import METHODS
from interp.saliency.occlusion import STRIDE, WINDOW, occlusion
from interp.saliency.targets import class_score
from styletransfer.images import find_images

BATCHES = (1, 4, 8, 16, 32)
ROUNDS = 3
SHARE = 0.2
BLOCK = 16
SMOOTHING = 4.0
BLUR = 10.0
DRAWS = 5


def seconds(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def compare_occlusion(classifier: Classifier, pixels: Tensor) -> None:
    target = int(classifier(pixels).argmax())

    def ours(batch: int) -> Tensor:
        return occlusion(classifier, pixels, class_score(target), batch=batch)

    def captums(batch: int) -> Tensor:
        with torch.inference_mode():
            return Occlusion(classifier).attribute(
                pixels,
                (3, WINDOW, WINDOW),
                (3, STRIDE, STRIDE),
                baselines=0.5,
                target=target,
                perturbations_per_eval=batch,
            )[:, 0]

    difference = float((ours(16) - captums(16)).abs().max() / captums(16).abs().max())
    best = {}
    for name, method in (("ours", ours), ("Captum", captums)):
        times = {batch: seconds(lambda: method(batch)) for batch in BATCHES}  # noqa: B023
        batch = min(times, key=lambda b: times[b])
        best[name] = times[batch]
        print(f"occlusion, {name}: {times[batch]:.2f} s at batch {batch}")
    print(f"{best['Captum'] / best['ours']:.2f} times as fast; largest difference {difference:.1e}")


def random_blocks(size: int, random: np.random.Generator) -> np.ndarray:
    blocks = size // BLOCK
    chosen = np.zeros(blocks * blocks, bool)
    chosen[random.permutation(len(chosen))[: round(SHARE * len(chosen))]] = True
    return chosen.reshape(blocks, blocks).repeat(BLOCK, 0).repeat(BLOCK, 1)


def fall(classifier: Classifier, pixels: Tensor, index: int, masks: np.ndarray) -> np.ndarray:
    """The fall of the class's probability, for each mask, when what it marks is blurred."""
    blurred = vision.gaussian_blur(pixels, [61, 61], [BLUR, BLUR])
    covered = torch.where(torch.from_numpy(masks)[:, None], blurred, pixels)
    with torch.inference_mode():
        values = classifier(torch.cat([pixels, covered])).softmax(-1)[:, index].numpy()
    return values[0] - values[1:]


def compare_deletion(
    classifier: Classifier, photographs: list[tuple[Path, int]], seed: int
) -> None:
    random = np.random.default_rng(seed)
    falls: dict[str, list[float]] = {name: [] for name in ("random", *METHODS)}
    for path, index in photographs:
        pixels = read_pixels(classifier, path, lambda note: None)
        blocks = np.stack([random_blocks(classifier.size, random) for _ in range(DRAWS)])
        masks = []
        for method in METHODS:
            found = saliency_map(method, classifier, pixels, class_score(index))[0]
            smooth = gaussian_filter(found.numpy(), SMOOTHING)
            masks.append(smooth > np.quantile(smooth, 1 - SHARE))
        values = fall(classifier, pixels, index, np.stack([*masks, *blocks]))
        for method, value in zip(METHODS, values[: len(METHODS)], strict=True):
            falls[method].append(float(value))
        falls["random"].append(float(values[len(METHODS) :].mean()))
    chance = float(np.mean(falls["random"]))
    print(f"\nfall of the right class's probability, {len(photographs)} photographs\n")
    print("| method | fall | of the random fall |\n| --- | --- | --- |")
    for name, each in falls.items():
        print(f"| {name} | {np.mean(each):.3f} | {np.mean(each) / chance:.2f} |")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", default="squeezenet1_0", show_default=True)
@click.option("--weights", default="default", show_default=True)
@click.option("--photographs", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(folder: Path, model: str, weights: str, photographs: int, seed: int) -> None:
    """Measure on so many of the photographs in FOLDER, evenly spread over them."""
    classifier = load_classifier(model, weights)
    paths = find_images(folder)
    if len(paths) != len(classifier.names):
        raise click.UsageError(f"{folder}: give one photograph for each class, sorted by class")
    places = np.linspace(0, len(paths) - 1, min(photographs, len(paths))).round().astype(int)
    chosen = [(paths[place], int(place)) for place in places]
    compare_occlusion(classifier, read_pixels(classifier, chosen[0][0], lambda note: None))
    compare_deletion(classifier, chosen, seed)


if __name__ == "__main__":
    main()
