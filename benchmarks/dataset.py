"""Stylizing a data set: our command beside an AdaIN pipeline and beside bare ONNX Runtime.

The AdaIN pipeline does what bethgelab/stylize-datasets does: one image at a time through VGG19 up
to relu4_1, adaptive instance norm with a style image of the same size, the mirrored decoder, and a
JPEG. Its weights are random, which takes the same time. It is measured on the first --adain images
and its rate is taken for all. Bare ONNX Runtime stylizes tensors in memory, just before and just
after each run of the command, so that its share is of what the machine could do meanwhile.

The rate without the start is that of the last three quarters of the files, by the times at which
they were written. What the run takes beyond that rate is the start. On Ray the command starts a
cluster of its own, and then uses one that runs already.

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
from contextlib import contextmanager, nullcontext
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

MEASURE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6]))
"""


def command(source: Path, *options: str) -> tuple[float, float, float, float]:
    """Seconds, CPU seconds, greatest memory in MB, and rate without the start, of our command."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "styletransfer", "stylize-dataset", str(source)]
        call += [
            f"{folder}/out",
            "--style",
            "random",
            "--short-side",
            str(SIDE),
            "--crop",
            "--quiet",
        ]
        line = [sys.executable, "-c", MEASURE, *call, *options]
        seconds, cpu, peak = json.loads(subprocess.check_output(line))
        times = sorted(path.stat().st_mtime for path in find_images(Path(folder, "out")))
    first = len(times) // 4
    return seconds, cpu, peak, (len(times) - 1 - first) / (times[-1] - times[first])


def squares(source: Path, count: int) -> Iterator[np.ndarray]:
    """The middle squares of the first images, as the command takes them."""
    for path in islice(find_images(source), count):
        rgb = read_image(path, short_side=SIDE).rgb
        top, left = (rgb.shape[0] - SIDE) // 2, (rgb.shape[1] - SIDE) // 2
        yield rgb[top : top + SIDE, left : left + SIDE]


class Bare:
    """ONNX Runtime on tensors in memory."""

    def __init__(self, source: Path, count: int = 64, rounds: int = 2) -> None:
        self._images = [to_tensor(rgb) for rgb in squares(source, count)] * rounds

    def rate(self, threads: int, runs: int) -> float:
        """Images a second of as many runs at once, each of one image on so many threads."""
        stylizer = Stylizer(threads=threads, provider="cpu")
        row = np.eye(len(stylizer.styles), dtype=np.float32)[[1]]
        with ThreadPoolExecutor(runs) as pool:
            list(pool.map(lambda image: stylizer.stylize_tensor(image, row), self._images[:runs]))
            start = time.perf_counter()
            list(pool.map(lambda image: stylizer.stylize_tensor(image, row), self._images))
            return len(self._images) / (time.perf_counter() - start)

    def best(self, cores: int) -> float:
        """The better of one image on each core and one image on all of them."""
        return max(self.rate(*way) for way in dict.fromkeys(((1, cores), (cores, 1))))


def decoder() -> nn.Sequential:
    """The mirror of VGG19's encoder up to relu4_1: reflection pads, convolutions, upsampling."""
    layers: list[nn.Module] = []
    plan = [(512, 256), "up", (256, 256), (256, 256), (256, 256), (256, 128), "up", (128, 128)]
    plan += [(128, 64), "up", (64, 64), (64, 3)]
    for step in plan:
        if isinstance(step, tuple):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(step[0], step[1], 3), nn.ReLU()]
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


@contextmanager
def cluster(cores: int) -> Iterator[None]:
    """Run a Ray cluster on this machine."""
    ray = Path(sys.executable).with_name("ray")
    start = ("start", "--head", "--num-cpus", str(cores), "--include-dashboard=false")
    subprocess.run([ray, *start, "--disable-usage-stats"], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([ray, "stop"], check=True, capture_output=True)


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
        bare, sample = Bare(photos), min(options.adain, count)
        theirs = adain(photos, sample)
        runs: dict[str, tuple[int, tuple[str, ...]]]
        runs = {f"ours, {n} at once": (n, ("--workers", str(n))) for n in range(1, cores + 1)}
        if options.ray:
            ray = ("--engine", "ray", "--workers", str(cores))
            runs[f"ours on Ray, {cores} actors"] = (cores, ray)
            runs["the same, the cluster runs"] = (cores, (*ray, "--ray-address", "auto"))
        print(f"{count} photographs at {SIDE}×{SIDE}, {cores} cores; AdaIN on {sample} of them\n")
        print(
            "| | images a second | times AdaIN | of bare ONNX Runtime "
            "| without its start | start, s | CPU ms an image | peak MB |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        print(f"| AdaIN, one at a time | {theirs:.2f} | 1 | | | | | |")
        for threads, at_once in ((1, 1), (1, cores), (cores, 1)):
            rate = bare.rate(threads, at_once)
            name = f"bare ONNX Runtime, {at_once} at once on {threads} thread" + "s" * (threads > 1)
            print(f"| {name} | {rate:.1f} | {rate / theirs:.0f} | | | | | |", flush=True)
        for name, (workers, words) in runs.items():
            with cluster(cores) if "auto" in words else nullcontext():
                before = bare.best(workers)
                seconds, cpu, peak, steady = command(photos, *words)
                bound = (before + bare.best(workers)) / 2
            rate, begun = count / seconds, seconds - count / steady
            # Ray's actors are no children of the command, so what they used is not told.
            used = "| |" if "ray" in words else f"{1e3 * cpu / count:.1f} | {peak:.0f} |"
            print(
                f"| {name} | {rate:.1f} | {rate / theirs:.0f} | {rate / bound:.0%} "
                f"| {steady / bound:.0%} | {begun:.1f} | {used}",
                flush=True,
            )


if __name__ == "__main__":
    main()
