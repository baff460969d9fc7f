"""Training speed: our step as configs/gallery.yaml has it, beside what pytorch/examples does.

Theirs: `johnson`, VGG16 to relu4_3, content at relu2_2, Gram matrices at four taps, Adam, and
channels first, as they have it. Both on crops of one size in batches of 4, from memory, with random
VGG weights (they take the same time); ours also as `--trainer.precision bf16-mixed` trains. Beside
the times stand the operations of convolutions and matrix products that PyTorch counts in a step,
for a pixel of a crop: they do not depend on the machine, and say what a better program could save.

Run: python benchmarks/training.py [--crop 256]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from styletransfer.losses import LossNetwork
from styletransfer.networks import build_network
from styletransfer.training.module import StyleTransferModule
from styletransfer.training.optimizer import MuonAndAdam
from styletransfer.training.schedule import rate_groups

BATCH, ROUNDS = 4, 5
RECIPE = Path(__file__).parents[1] / "configs" / "gallery.yaml"
TAPS = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]


def their_gram(features: torch.Tensor) -> torch.Tensor:
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()


def theirs(images: torch.Tensor) -> Callable[[], None]:
    network = build_network("johnson", 1)
    row = torch.ones(BATCH, 1)
    vgg = LossNetwork("vgg16", TAPS, "random").to(memory_format=torch.contiguous_format)
    targets = {tap: their_gram(f) for tap, f in vgg(images.flip(0)).items()}
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        features = vgg(network(images, row))
        content = vgg(images)["relu2_2"]
        loss = 1e5 * torch.nn.functional.mse_loss(features["relu2_2"], content)
        for tap, target in targets.items():
            loss = loss + 1e10 * torch.nn.functional.mse_loss(their_gram(features[tap]), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def ours(images: torch.Tensor, bf16: bool) -> Callable[[], None]:
    with tempfile.TemporaryDirectory() as folder:
        paintings = [Path(folder, f"painting{i}.png") for i in range(6)]
        for painting in paintings:
            Image.effect_noise((256, 256), 80).convert("RGB").save(painting)
        options = yaml.safe_load(RECIPE.read_text())["model"]
        module = StyleTransferModule(paintings, **{**options, "loss_weights": "random"})
        module.setup("fit")
    optimizer = MuonAndAdam(rate_groups(module.network, module.lr, module.style_lr))

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            _, parts = module.losses(images, torch.arange(1, BATCH + 1))
        parts["total"].mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.network.parameters(), 10)
        optimizer.step()

    return step


def operations(step: Callable[[], None], crop: int) -> float:
    """Thousands of operations of a step for a pixel of a crop; a product and a sum are two."""
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops()) / BATCH / crop**2 / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--crop", type=int, default=256)
    crop = parser.parse_args().crop
    torch.manual_seed(0)
    images = torch.rand(BATCH, 3, crop, crop)
    steps = {
        "pytorch/examples' loop": theirs(images),
        "ours (compact)": ours(images, bf16=False),
        "ours, bf16-mixed": ours(images, bf16=True),
    }
    work = {name: operations(step, crop) for name, step in steps.items()}  # it warms up, too
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    speed = {name: BATCH / statistics.median(values) for name, values in times.items()}
    least = min(speed.values())
    print(f"| training, {crop}×{crop} crops, batch {BATCH} | images/s | times | 1000 op./pixel |")
    print("| --- | --- | --- | --- |")
    for name, value in speed.items():
        print(f"| {name} | {value:.2f} | {value / least:.2f} | {work[name]:.0f} |")


if __name__ == "__main__":
    main()
