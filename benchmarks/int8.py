"""The int8 file of the gallery beside the fp32 file: time on this CPU, and distance.

The two files take turns, on one thread and on as many as there are cores. The distance is that of
all pictures together: each photograph, its short side at 512 pixels, in one style after another.
Run: python benchmarks/int8.py PHOTOGRAPHS checkpoints/gallery.int8.onnx
"""

import os
import statistics
import time
from pathlib import Path

import click
import numpy as np

from styletransfer.export.deviation import choose_pictures, photograph_feeds
from styletransfer.inference import Stylizer
from styletransfer.inference.model import gallery_path

SIDE = 512
ROUNDS = 15


def milliseconds(files: list[Path], threads: int) -> list[float]:
    """Median times of one picture of each file, by turns."""
    stylizers = [Stylizer(file, threads=threads) for file in files]
    noise = np.random.default_rng(0).random((1, 3, SIDE, SIDE), dtype=np.float32)
    row = np.eye(len(stylizers[0].styles), dtype=np.float32)[[1]]
    times: list[list[float]] = [[] for _ in files]
    for turn in range(ROUNDS + 1):
        for stylizer, taken in zip(stylizers, times, strict=True):
            start = time.perf_counter()
            stylizer.stylize_tensor(noise, row)
            if turn:  # the first warms up
                taken.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def decibels(fp32: Path, int8: Path, photographs: Path) -> float:
    """PSNR of all pictures together, of values in 0..1."""
    one, other = Stylizer(fp32), Stylizer(int8)
    pictures = choose_pictures(photographs, len(one.styles))
    errors = [
        np.square(one.stylize_tensor(*feed) - other.stylize_tensor(*feed)).mean()
        for feed in photograph_feeds(pictures, len(one.styles))
    ]
    return float(10 * np.log10(1 / np.mean(errors)))


@click.command()
@click.argument("photographs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("int8", type=click.Path(exists=True, path_type=Path))
def main(photographs: Path, int8: Path) -> None:
    """Compare the file INT8 with the gallery, on PHOTOGRAPHS."""
    files = [gallery_path(), int8]
    print(f"| {SIDE}×{SIDE}, threads | fp32, ms | int8, ms | times |\n| --- | --- | --- | --- |")
    for threads in sorted({1, os.cpu_count() or 1}):
        slow, fast = milliseconds(files, threads)
        print(f"| {threads} | {slow:.0f} | {fast:.0f} | {slow / fast:.2f} |")
    sizes = " and ".join(f"{file.stat().st_size / 1e6:.2f} MB" for file in files)
    print(f"\n{sizes}; {decibels(gallery_path(), int8, photographs):.1f} dB")


if __name__ == "__main__":
    main()
