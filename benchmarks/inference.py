"""Speed of stylizing one 512×512 photograph on this CPU: ours beside `johnson`, and the command.

`johnson` in eager PyTorch is what users of pytorch/examples run; in ONNX Runtime, what users of
onnx/models run. Run: python benchmarks/inference.py
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image

from styletransfer.export.checkpoint import TrainedNetwork
from styletransfer.export.graph import build_graph
from styletransfer.inference import Stylizer
from styletransfer.networks import build_network

SIDE = 512
ROUNDS = 15

PEAK = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([seconds, peak / 1e3]))
"""


def johnson() -> TrainedNetwork:
    torch.manual_seed(0)
    return TrainedNetwork(build_network("johnson", 1).eval(), "johnson", ("identity",), "nothing")


def eager(network: torch.nn.Module, image: np.ndarray) -> Callable[[], object]:
    tensor, row = torch.from_numpy(image), torch.ones(1, 1)

    def run() -> object:
        with torch.inference_mode():
            return network(tensor, row)

    return run


def runtime(trained: TrainedNetwork, image: np.ndarray) -> Callable[[], object]:
    graph = build_graph(trained).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feed = {"image": image, "style_weights": np.ones((1, 1), np.float32)}
    return lambda: session.run(None, feed)


def gallery(image: np.ndarray) -> Callable[[], object]:
    stylizer = Stylizer()
    weights = np.eye(len(stylizer.styles), dtype=np.float32)[[1]]
    return lambda: stylizer.stylize_tensor(image, weights)


def medians(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Milliseconds of each, taken in turn, so that a slow moment of the machine hits all."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(values) for name, values in times.items()}


def command() -> tuple[float, float]:
    """Seconds (median of five) and greatest memory in MB of the whole `stylize` process."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.jpg")
        noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((SIDE, SIDE)).save(photo)
        call = [sys.executable, "-m", "styletransfer", "stylize", str(photo)]
        call += ["-o", str(Path(folder, "out.jpg")), "--style", "the_scream", "--overwrite"]
        results = [
            json.loads(subprocess.check_output([sys.executable, "-c", PEAK, *call]))
            for _ in range(6)
        ][1:]
    return statistics.median(r[0] for r in results), max(r[1] for r in results)


def main() -> None:
    image = np.random.default_rng(0).random((1, 3, SIDE, SIDE), dtype=np.float32)
    reference = johnson()
    result = medians(
        {
            "johnson, eager PyTorch": eager(reference.network, image),
            "johnson, ONNX Runtime": runtime(reference, image),
            "gallery (compact), ONNX Runtime": gallery(image),
        }
    )
    ours = result["gallery (compact), ONNX Runtime"]
    print(
        f"| {SIDE}×{SIDE}, {torch.get_num_threads()} cores | ms | times ours |\n| --- | --- | --- |"
    )
    for name, ms in result.items():
        print(f"| {name} | {ms:.0f} | {ms / ours:.1f} |")
    seconds, megabytes = command()
    print(f"\n`styletransfer stylize`, whole process: {seconds:.2f} s, {megabytes:.0f} MB at most")


if __name__ == "__main__":
    main()
