"""Stylizing a data set: our command beside an AdaIN pipeline and beside bare ONNX Runtime.

The AdaIN pipeline does what bethgelab/stylize-datasets does: one image at a time through VGG19 up
to relu4_1, adaptive instance norm with a style image of the same size, the mirrored decoder, and a
JPEG. Its weights are random, which takes the same time. It is measured on the first --adain images
and its rate is taken for all. Every other rate is of whole runs of the command, its start included.

Run: python benchmarks/dataset.py PHOTOS [--count 1000] [--adain 20] [--ray]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.models import vgg19

from styletransfer.images import find_images, read_image, to_tensor
from styletransfer.inference import Stylizer

SIDE = 256
RELU4_1 = 21  # layers of torchvision's VGG19 up to it

PEAK = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([seconds, peak / 1e3]))
"""


def command(source: Path, *options: str) -> tuple[float, float]:
    """Images a second and greatest memory in MB of a run of our command over `source`."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "styletransfer", "stylize-dataset", str(source)]
        call += [f"{folder}/out", "--style", "random", "--size", str(SIDE), "--crop", "--quiet"]
        line = [sys.executable, "-c", PEAK, *call, *options]
        seconds, peak = json.loads(subprocess.check_output(line))
    return len(find_images(source)) / seconds, peak


def squares(source: Path, count: int) -> Iterator[np.ndarray]:
    """The middle squares of the first images, as the command takes them."""
    for path in islice(find_images(source), count):
        rgb = read_image(path, size=SIDE).rgb
        top, left = (rgb.shape[0] - SIDE) // 2, (rgb.shape[1] - SIDE) // 2
        yield rgb[top : top + SIDE, left : left + SIDE]


def bare(source: Path, workers: int, count: int = 64, rounds: int = 3) -> float:
    """Images a second of ONNX Runtime on tensors in memory, the best way we know to run it.

    That is one image at a time on one thread, on as many threads at once as there are `workers`;
    or, if that is faster, one image at a time on all.
    """
    images = [to_tensor(rgb) for rgb in squares(source, count)]
    rates = []
    for threads, runs in ((1, workers), (workers, 1)):
        stylizer = Stylizer(threads=threads, provider="cpu")
        rows = np.eye(len(stylizer.styles), dtype=np.float32)

        def one(image: np.ndarray, stylizer: Stylizer = stylizer, rows: np.ndarray = rows) -> None:
            stylizer.stylize_tensor(image, rows[[1]])

        with ThreadPoolExecutor(runs) as pool:
            for _ in range(rounds):
                start = time.perf_counter()
                list(pool.map(one, images))
                rates.append(len(images) / (time.perf_counter() - start))
    return max(rates)


def decoder() -> nn.Sequential:
    """The mirror of VGG19's encoder up to relu4_1: reflection pads, convolutions, upsampling."""
    layers: list[nn.Module] = []
    plan = [(512, 256), "up", (256, 256), (256, 256), (256, 256), (256, 128), "up", (128, 128)]
    plan += [(128, 64), "up", (64, 64), (64, 3)]
    for step in plan:
        if isinstance(step, tuple):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(*step, 3), nn.ReLU()]
        else:
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
    return nn.Sequential(*layers[:-1])


def adain(source: Path, count: int) -> float:
    """Images a second of the AdaIN pipeline."""
    torch.manual_seed(0)
    encode, decode = vgg19(weights=None).features[:RELU4_1].eval(), decoder().eval()
    style = torch.from_numpy(np.concatenate([to_tensor(rgb) for rgb in squares(source, 1)]))
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        start = time.perf_counter()
        for number, path in enumerate(islice(find_images(source), count)):
            with Image.open(path) as file:
                image = file.convert("RGB")
            image = image.resize((SIDE, SIDE))
            content = torch.from_numpy(to_tensor(np.asarray(image)))
            f, g = encode(content), encode(style)
            mean, std = f.mean((2, 3), keepdim=True), f.std((2, 3), keepdim=True) + 1e-5
            mixed = (f - mean) / std * g.std((2, 3), keepdim=True) + g.mean((2, 3), keepdim=True)
            result = decode(mixed)[0].clamp(0, 1).mul(255).byte().permute(1, 2, 0).numpy()
            Image.fromarray(result).save(Path(folder, f"{number}.jpg"), quality=95)
        return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--adain", type=int, default=20, help="images for the AdaIN pipeline")
    parser.add_argument("--ray", action="store_true", help="also on a Ray cluster started here")
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        photos.mkdir()
        for path in islice(find_images(options.photos), options.count):
            (photos / path.name).symlink_to(path.absolute())
        count = len(find_images(photos))
        theirs = adain(photos, min(options.adain, count))
        bound = {workers: bare(photos, workers) for workers in dict.fromkeys((1, cores))}
        runs = {f"ours, {w} at once": (w, ("--workers", str(w))) for w in bound}
        if options.ray:
            ray = ("--engine", "ray", "--workers", str(cores))
            runs[f"ours on Ray, {cores} actors"] = (cores, ray)
        print(f"{count} photographs at {SIDE}×{SIDE}, {cores} cores\n")
        print("| | images a second | times AdaIN | of bare ONNX Runtime | peak MB |")
        print("| --- | --- | --- | --- | --- |")
        print(f"| AdaIN, one at a time | {theirs:.2f} | 1 | | |")
        for workers, rate in bound.items():
            print(
                f"| bare ONNX Runtime, {workers} at once | {rate:.1f} | {rate / theirs:.0f} | | |"
            )
        for name, (workers, words) in runs.items():
            rate, peak = command(photos, *words)
            times, share = rate / theirs, rate / bound[workers]
            print(f"| {name} | {rate:.1f} | {times:.0f} | {share:.0%} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
