"""The gallery in OpenVINO beside ONNX Runtime: how far they differ, and CPU time on one thread.

OpenVINO computes in bfloat16 by itself on a CPU that has it, so it is run with and without the hint
that forbids this. CPU time is that of the process, so other work on the machine counts little.

Run: python benchmarks/other_runtimes.py [--short-side 427]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import openvino
from sklearn.datasets import load_sample_image

from styletransfer import Stylizer
from styletransfer.images import to_tensor
from styletransfer.inference.model import gallery_path

ROUNDS, STYLE = 9, "the_scream"
HINTS = {"OpenVINO": {}, "OpenVINO, f32": {"INFERENCE_PRECISION_HINT": "f32"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short-side", type=int, default=427, help="of the middle of china.jpg")
    side = parser.parse_args().short_side
    image = to_tensor(load_sample_image("china.jpg"))[:, :, :side, :]
    stylizer = Stylizer(threads=1)
    row = np.eye(len(stylizer.styles), dtype=np.float32)[[stylizer.styles.index(STYLE)]]
    runs: dict[str, Callable[[], np.ndarray]] = {
        "ONNX Runtime": lambda: stylizer.stylize_tensor(image, row)
    }
    for name, hint in HINTS.items():
        options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", **hint}
        model = openvino.compile_model(gallery_path(), "CPU", options)
        runs[name] = lambda model=model: model([image, row])[0]  # type: ignore[misc]
    expected = runs["ONNX Runtime"]()
    times: dict[str, list[float]] = {name: [] for name in runs}
    far = {name: float(np.abs(run() - expected).max()) for name, run in runs.items()}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    height, width = image.shape[2:]
    print(f"| {width}×{height}, 1 thread | CPU ms | differs by at most |\n| --- | --- | --- |")
    for name, values in times.items():
        print(f"| {name} | {1e3 * statistics.median(values):.0f} | {far[name]:.1e} |")


if __name__ == "__main__":
    main()
