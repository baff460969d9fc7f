"""`johnson` against `compact`: the same photographs, paintings, loss and number of seen images.

Both are trained by turns in one run, batch by batch on the same crops in the same styles, by the
loss of StyleTransferModule, and then judged on photographs that neither saw, as `styletransfer
evaluate` judges. Every --checkpoint-every steps the state is kept in --folder; the same call goes
on from there. Run:

    python benchmarks/architectures.py --photographs DIR --paintings DIR --steps 2000 \
        --loss-weights vgg19.safetensors --folder runs/architectures
"""

import statistics
import time
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from styletransfer.evaluation.judge import Judge
from styletransfer.evaluation.measures import flat_areas, flicker, frame, grid, tone_correlation
from styletransfer.evaluation.photographs import read_photograph
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.optimizer import MuonAndAdam
from styletransfer.training.photographs import PhotographDataModule, PhotographStream
from styletransfer.training.schedule import rate_groups

NETWORKS = ("johnson", "compact")
BATCH, CLIP = 4, 10.0


class Contestant:
    """A network in training, its optimizer, and the seconds that it has taken."""

    def __init__(self, name: str, lr: float, steps: int, **options: Any) -> None:
        torch.manual_seed(0)
        # Every image trains a painting, for both: the identity of `compact` needs no training.
        self.module = StyleTransferModule(
            network=name, lr=lr, style_lr=2 * lr, identity_share=0.0, **options
        )
        self.module.setup("fit")
        groups = rate_groups(self.module.network, lr, 2 * lr)
        rates = [group.lr for group in groups]
        self.optimizer = MuonAndAdam(groups)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rates, total_steps=steps, pct_start=0.05, cycle_momentum=False
        )
        self.seconds = 0.0

    def step(self, images: torch.Tensor, styles: torch.Tensor, bf16: bool) -> None:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            _, parts = self.module.losses(images, styles)
        self.optimizer.zero_grad()
        parts["total"].mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.module.network.parameters(), CLIP)
        self.optimizer.step()
        self.schedule.step()
        self.seconds += time.perf_counter() - start

    def state(self) -> dict[str, Any]:
        parts = (self.module.network, self.optimizer, self.schedule)
        return {"parts": [part.state_dict() for part in parts], "seconds": self.seconds}

    def resume(self, state: dict[str, Any]) -> None:
        parts: tuple[Any, ...] = (self.module.network, self.optimizer, self.schedule)
        for part, saved in zip(parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        self.seconds = state["seconds"]


@torch.no_grad()
def judged(contestant: Contestant, judge: Judge, photographs: list[Path]) -> dict[str, float]:
    """Means over photographs and paintings."""
    network = contestant.module.network.eval()
    names = contestant.module.style_names
    found: dict[str, list[float]] = {}
    for path in tqdm(photographs, "held out", delay=2, disable=None):
        photograph = read_photograph(path)
        content, areas = judge.content_target(photograph), flat_areas(photograph)
        for index, name in enumerate(names[1:], 1):
            row = torch.eye(len(names))[[index]]

            def paint(image: torch.Tensor, row: torch.Tensor = row) -> torch.Tensor:
                painted: torch.Tensor = network(image, row)
                return painted

            start = time.perf_counter()
            output = paint(photograph)
            milliseconds = 1e3 * (time.perf_counter() - start)
            losses = judge.losses(output, photograph, name, content)
            border, pattern = frame(output), grid(output, areas)
            figures = {
                **{loss: losses[loss].item() for loss in ("style", "content", "total")},
                "tone": tone_correlation(output, photograph),
                "frame": border.mean - frame(photograph).mean,
                "grid": max(pattern) if pattern else None,
                "flicker": flicker(paint, photograph),
                "ms": milliseconds,
            }
            for key, value in figures.items():
                if value is not None:
                    found.setdefault(key, []).append(value)
    network.train()
    return {key: statistics.mean(values) for key, values in found.items()}


@click.command()
@click.option("--photographs", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--paintings", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--folder", default="runs/architectures", type=click.Path(path_type=Path))
@click.option("--steps", default=2000, type=click.IntRange(min=1))
@click.option("--crop", default=160)
@click.option("--held-out", default=24)
@click.option("--loss-weights", default="default")
@click.option("--lr", default=2e-3)
@click.option("--bf16", is_flag=True, help="Train as --trainer.precision bf16-mixed does.")
@click.option("--checkpoint-every", default=100, type=click.IntRange(min=1))
def main(
    photographs: Path,
    paintings: Path,
    folder: Path,
    steps: int,
    crop: int,
    held_out: int,
    loss_weights: str,
    lr: float,
    bf16: bool,
    checkpoint_every: int,
) -> None:
    """Train both for --steps steps of 4 crops, and print how they compare."""
    folder.mkdir(parents=True, exist_ok=True)
    data = PhotographDataModule(photographs, crop=crop, held_out=held_out)
    data.setup("fit")
    stream = PhotographStream(data.source, crop, BATCH, steps)
    options: dict[str, Any] = {
        "paintings": paintings,
        "loss_weights": loss_weights,
        "tone_weight": 0.5,
    }
    contestants = {name: Contestant(name, lr, steps, **options) for name in NETWORKS}
    saved = folder / f"{steps}.pt"
    begin = 0
    if saved.is_file():
        state = torch.load(saved, weights_only=True)
        begin = state["step"]
        for name, contestant in contestants.items():
            contestant.resume(state[name])
    for step in tqdm(range(begin, steps), "training", steps, initial=begin, disable=None):
        images = stream.batch(step).images
        for contestant in contestants.values():
            dealt = contestant.module.deck.deal(step * BATCH, BATCH)
            contestant.step(images, torch.tensor(dealt), bf16)
        if (step + 1) % checkpoint_every == 0 or step + 1 == steps:
            state = {name: contestant.state() for name, contestant in contestants.items()}
            torch.save({**state, "step": step + 1}, saved)
    names = contestants["compact"].module.style_names[1:]
    files = contestants["compact"].module.painting_files
    judge = Judge(dict(zip(names, files, strict=True)), loss_weights)
    held = [Path(data.validation.name(number)) for number in range(len(data.validation))]
    results = {name: judged(one, judge, held) for name, one in contestants.items()}
    columns = list(next(iter(results.values())))
    precision = "bf16-mixed" if bf16 else "float32"
    print(
        f"{steps} steps of {BATCH} crops of {crop} pixels in {precision}, {len(names)} paintings, "
        "eager PyTorch\n"
    )
    print(f"| | parameters | training s | {' | '.join(columns)} |")
    print("| --- " * (len(columns) + 3) + "|")
    for name, contestant in contestants.items():
        count = sum(p.numel() for p in contestant.module.network.parameters())
        cells = [f"{count:,}", f"{contestant.seconds:.0f}"]
        cells += [f"{results[name][column]:.4g}" for column in columns]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
