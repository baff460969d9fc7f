"""The feed-forward gallery against Gatys' optimization, as in Johnson 2016, table 1.

One photograph in one style at several sizes: seconds of each, how many times faster the network
is, and the total (20·style + content) of both pictures, each rounded to 8 bits. Loss and start are
the same for both: `interp transfer` from the photograph, L-BFGS. Where all --iterations would take
more than --limit seconds, only as many are done as fit; the seconds are then extrapolated, and
marked with ~. Run:

    python benchmarks/gatys.py --painting starry_night.jpg --loss-weights vgg19.safetensors
"""

import math
import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import onnxruntime
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor
from tqdm import tqdm

from interp.network.photographs import shown
from interp.synthesis import loop
from interp.synthesis.style_transfer import (
    Style,
    transfer_objective,
    transfer_style,
)
from styletransfer.images import Pixels, read_image, to_pixels, to_tensor
from styletransfer.inference import Stylizer
from styletransfer.losses import LossNetwork, Objective

AIM = Objective()
# Of the network, after one that does not count.
ROUNDS = 10
# Iterations that are done whatever the limit.
TRIAL = 3


@dataclass(frozen=True)
class Losses:
    """Relative losses of one picture."""

    style: float
    content: float

    @property
    def total(self) -> float:
        return AIM.style_weight * self.style + AIM.content_weight * self.content

    def __str__(self) -> str:
        return f"{self.total:.3f} ({self.style:.4f}, {self.content:.3f})"


@torch.no_grad()
def losses(objective: loop.Objective, pixels: Pixels) -> Losses:
    terms = objective(torch.from_numpy(to_tensor(pixels)))
    return Losses(
        terms["style"].item() / AIM.style_weight,
        terms["content"].item() / AIM.content_weight,
    )


def square(path: Path | None, side: int) -> Pixels:
    """The middle of the photograph, side×side."""
    rgb = load_sample_image("china.jpg") if path is None else read_image(path).rgb
    short = min(rgb.shape[:2])
    top, left = ((size - short) // 2 for size in rgb.shape[:2])
    middle = Image.fromarray(rgb[top : top + short, left : left + short])
    return np.asarray(middle.resize((side, side), Image.Resampling.LANCZOS))


def feed_forward(stylizer: Stylizer, style: str, photograph: Pixels) -> tuple[float, Pixels]:
    """Median seconds, and the picture."""
    image = to_tensor(photograph)
    weights = np.eye(len(stylizer.styles), dtype=np.float32)[[stylizer.styles.index(style)]]
    seconds = []
    for _ in range(1 + ROUNDS):
        start = time.perf_counter()
        painted = stylizer.stylize_tensor(image, weights)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]), to_pixels(painted)


@dataclass(frozen=True)
class Optimized:
    """What the optimizer made, the total before each iteration, and the seconds of all of them."""

    pixels: Pixels
    totals: list[float]
    seconds: float


def optimize(
    network: LossNetwork,
    photograph: Tensor,
    painting: Tensor,
    iterations: int,
    limit: float,
    save: Path | None,
) -> Optimized:
    start = time.perf_counter()
    ends: list[float] = []
    with tqdm(total=iterations, unit="iteration", delay=2, disable=None) as bar:

        def note(progress: loop.Progress) -> None:
            bar.update()
            ends.append(time.perf_counter() - start)
            # As Ctrl-C does: what there is comes back.
            if len(ends) >= TRIAL and ends[-1] > limit and progress.step < iterations:
                raise KeyboardInterrupt

        made = transfer_style(
            network, photograph, [Style(painting)], AIM, steps=iterations, on_step=note
        )
    pixels = shown(made.picture)
    if save is not None:
        Image.fromarray(pixels).save(save)
    # The first also has the Gram matrices of the painting to find.
    rest = (ends[-1] - ends[0]) / max(1, len(ends) - 1)
    totals = [terms["style"] + terms["content"] for terms in made.history]
    return Optimized(pixels, totals, ends[0] + (iterations - 1) * rest)


def machine(threads: int) -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    processor = named[0] if named else platform.processor()
    return (
        f"{processor}, {os.cpu_count()} cores, {threads} threads, "
        f"torch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}"
    )


@click.command()
@click.option("--painting", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--style", help="Of the model; by default the painting's name.")
@click.option("--photograph", type=click.Path(exists=True, path_type=Path))
@click.option("--model", type=click.Path(exists=True, path_type=Path))
@click.option("--loss-weights", default="default")
@click.option("--sizes", default="256,512,1024")
@click.option("--iterations", default=100, type=click.IntRange(min=1))
@click.option("--limit", default=900.0, help="Seconds of the optimizer at each size.")
@click.option("--threads", type=click.IntRange(min=1))
@click.option("--save", type=click.Path(file_okay=False, path_type=Path), help="Of the pictures.")
def main(
    painting: Path,
    style: str | None,
    photograph: Path | None,
    model: Path | None,
    loss_weights: str,
    sizes: str,
    iterations: int,
    limit: float,
    threads: int | None,
    save: Path | None,
) -> None:
    """Print the table."""
    if threads is not None:
        torch.set_num_threads(threads)
    stylizer = Stylizer(model, threads=threads)
    style = style or painting.stem
    if style not in stylizer.styles:
        raise click.UsageError(f"the model has no style {style!r}; give --style")
    network = LossNetwork("vgg19", AIM.taps, loss_weights)
    painted = torch.from_numpy(to_tensor(read_image(painting, short_side=AIM.painting_size).rgb))
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
    print(f"{style}, {iterations} iterations; {machine(torch.get_num_threads())}\n")
    print(
        "| side | network ms | optimizer s | times faster | photograph's loss | network's loss "
        "| optimizer's loss | ratio of losses | network as good as |"
    )
    print("| --- " * 9 + "|")
    for side in map(int, sizes.split(",")):
        pixels = square(photograph, side)
        image = torch.from_numpy(to_tensor(pixels))
        objective = transfer_objective(network, image, [Style(painted)], AIM)
        fast, output = feed_forward(stylizer, style, pixels)
        if save is not None:
            Image.fromarray(output).save(save / f"network-{side}.png")
        slow = optimize(
            *(network, image, painted, iterations, limit),
            save=None if save is None else save / f"optimizer-{side}.png",
        )
        done = len(slow.totals)
        about = "" if done == iterations else "~"
        ours, theirs = losses(objective, output), losses(objective, slow.pixels)
        equal = next((i for i, t in enumerate(slow.totals) if t <= ours.total), math.inf)
        print(
            f"| {side} | {1e3 * fast:.0f} | {about}{slow.seconds:.0f} "
            f"| {about}{slow.seconds / fast:.0f} | {losses(objective, pixels)} | {ours} "
            f"| {theirs}{f' after {done}' if about else ''} | {ours.total / theirs.total:.2f} "
            f"| {f'{equal} iterations' if equal < math.inf else f'more than {done}'} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
