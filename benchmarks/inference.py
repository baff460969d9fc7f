"""Speed and memory of stylizing on this CPU: ours beside `johnson`, then by size, then from cold.

`johnson` in eager PyTorch is what users of pytorch/examples run; in ONNX Runtime, what users of
onnx/models run. Run: python benchmarks/inference.py (about a quarter of an hour)
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from styletransfer.images import Picture
from styletransfer.inference import Stylizer
from styletransfer.inference.limits import Tiles
from styletransfer.inference.painter import Painter

# torch is imported where it is used: who runs the ONNX file does not have it in memory.

SIDES = (256, 512, 1024, 2048)
# Threads of PyTorch and ONNX Runtime spin for some milliseconds after a run, on cores that the next
# one needs; so there is a pause before each.
PAUSE = 0.05
MEGAPIXELS = (0.25, 1, 4, 16, 50, 100)
EAGER, RUNTIME, OURS = "johnson, eager PyTorch", "johnson, ONNX Runtime", "gallery, ONNX Runtime"

Run = Callable[[np.ndarray], object]

# Runs a command, and prints its seconds and its greatest memory in MB.
PEAK = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([seconds, peak * 1024 / 1e6]))
"""


def export_johnson(path: Path) -> None:
    import onnx

    from styletransfer.checkpoint import TrainedNetwork
    from styletransfer.export.graph import build_graph
    from styletransfer.networks import build_network

    network = build_network("johnson", 1).eval()
    onnx.save(build_graph(TrainedNetwork(network, "johnson", ("identity",), "nothing")), path)


def eager(folder: Path) -> Run:
    import torch

    from styletransfer.networks import build_network

    network, row = build_network("johnson", 1).eval(), torch.ones(1, 1)

    def run(image: np.ndarray) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(image), row)

    return run


def runtime(folder: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        folder / "johnson.onnx", providers=["CPUExecutionProvider"]
    )
    row = np.ones((1, 1), np.float32)
    return lambda image: session.run(None, {"image": image, "style_weights": row})


def gallery(folder: Path) -> Run:
    stylizer = Stylizer(provider="cpu")
    weights = np.eye(len(stylizer.styles), dtype=np.float32)[[1]]
    return lambda image: stylizer.stylize_tensor(image, weights)


KINDS: dict[str, Callable[[Path], Run]] = {EAGER: eager, RUNTIME: runtime, OURS: gallery}


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)


def medians(runs: dict[str, Run], side: int) -> dict[str, float]:
    """Seconds of each, taken in turn, so that a slow moment of the machine hits all."""
    image = noise(side)
    times: dict[str, list[float]] = {name: [] for name in runs}
    rounds = 15 if side < 1024 else 5
    for turn in range(rounds + 1):
        for name, run in runs.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            run(image)
            if turn:  # the first is there to warm up
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def measured(*call: str) -> tuple[float, float]:
    """Seconds and greatest memory in MB of a process."""
    seconds, peak = json.loads(subprocess.check_output([sys.executable, "-c", PEAK, *call]))
    return seconds, peak


def compare(folder: Path) -> None:
    runs = {name: make(folder) for name, make in KINDS.items()}
    print(f"| {os.cpu_count()} cores | side | ms | megapixels/s | MB at most | times ours |")
    print("| --- | --- | --- | --- | --- | --- |")
    for side in SIDES:
        seconds = medians(runs, side)
        for name, value in seconds.items():
            # In a process of its own: what memory it took is not told otherwise.
            _, peak = measured(sys.executable, __file__, name, str(side), str(folder))
            print(
                f"| {name} | {side} | {1e3 * value:.0f} | {side**2 / 1e6 / value:.1f} | "
                f"{peak:.0f} | {value / seconds[OURS]:.1f} |",
                flush=True,
            )


def by_size(folder: Path) -> None:
    """The command, the picture's file and all, from small pictures to large ones."""
    print("\n| megapixels | s | s a megapixel | MB at most |\n| --- | --- | --- | --- |")
    for megapixels in MEGAPIXELS:
        side = round((megapixels * 1e6) ** 0.5)
        photo, out = folder / "photo.jpg", folder / "out.jpg"
        random = np.random.default_rng(0).integers(0, 256, (side // 16,) * 2 + (3,), np.uint8)
        Image.fromarray(random).resize((side, side)).save(photo)
        call = [sys.executable, "-m", "styletransfer", "stylize", str(photo), "-o", str(out)]
        call += ["--style", Stylizer().styles[1], "--overwrite"]
        results = [measured(*call) for _ in range(3 if megapixels < 50 else 1)]
        seconds, peak = (statistics.median(values) for values in zip(*results, strict=True))
        print(
            f"| {megapixels} | {seconds:.1f} | {seconds / megapixels:.2f} | {peak:.0f} |",
            flush=True,
        )


def tiles_against_whole() -> None:
    """At 3000×2000, of scikit-learn's china.jpg enlarged, in every style."""
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image("china.jpg")).resize((3000, 2000))
    picture, stylizer = Picture(np.asarray(photo), None, ()), Stylizer(provider="cpu")
    whole, tiled = Painter(stylizer), Painter(stylizer, tiles=Tiles(512))
    print("\n| tiles against the whole | greatest difference, of 255 |\n| --- | --- |")
    for style in stylizer.styles:
        apart = whole(picture, style).rgb.astype(int) - tiled(picture, style).rgb
        print(f"| {style} | {np.abs(apart).max()} |", flush=True)


def cold_start(folder: Path) -> None:
    """Of the command for one 512×512 photograph, and of the imports in it."""
    photo, out = folder / "cold.jpg", folder / "cold-out.jpg"
    Image.fromarray((255 * noise(512)[0].transpose(1, 2, 0)).astype(np.uint8)).save(photo)
    call = [sys.executable, "-m", "styletransfer", "stylize", str(photo), "-o", str(out)]
    call += ["--style", Stylizer().styles[1], "--overwrite"]
    imports = "import styletransfer.commands.main, styletransfer.inference, onnxruntime"
    alone = [measured(sys.executable, "-c", "pass")[0] for _ in range(6)][1:]
    importing = [measured(sys.executable, "-c", imports)[0] for _ in range(6)][1:]
    whole = [measured(*call) for _ in range(6)][1:]
    print(
        f"\n`styletransfer stylize`, a 512×512 file to a file: "
        f"{statistics.median(s for s, _ in whole):.2f} s, {max(p for _, p in whole):.0f} MB at "
        f"most; of that Python {statistics.median(alone):.2f} s and all imports "
        f"{statistics.median(importing) - statistics.median(alone):.2f} s"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_johnson(folder / "johnson.onnx")
        compare(folder)
        by_size(folder)
        tiles_against_whole()
        cold_start(folder)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        KINDS[sys.argv[1]](Path(sys.argv[3]))(noise(int(sys.argv[2])))
    else:
        main()
