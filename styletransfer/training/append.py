"""A new painting for a trained network: only what belongs to the new style is learned.

Dumoulin, Shlens and Kudlur 2017, "A Learned Representation For Artistic Style", section 3.3: all
else is frozen, and γ, β and the like of the new style start from those of the known styles. They
are few, so they take a greater learning rate than a network. The crops of the photographs and
their content features take long to compute, so each serves four steps, with others between.
"""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from styletransfer.checkpoint import (
    PREFIX,
    STATES,
    Checkpoint,
    append_styles,
    check_new_names,
    checkpoint_network,
    checkpoint_objective,
)
from styletransfer.device import multiplies_bfloat16
from styletransfer.errors import DivergenceError, WorkError
from styletransfer.losses import Critic, LossNetwork, Objective, averaged
from styletransfer.losses.objective import targets_map
from styletransfer.networks import StyleNetwork
from styletransfer.networks.style_rows import restyled, style_tables
from styletransfer.training.batch_losses import DRAFT_SIZE, batch_losses, move_of_batch
from styletransfer.training.photographs import PhotographStream
from styletransfer.training.sources import Files, find_photographs
from styletransfer.training.styles import painting_notes, read_paintings

# One large crop teaches more than two small ones: it shows more of a picture, and the network pads
# it once. After 350 steps the total was 1.91, and 2.10 with two crops of 192 pixels.
CROP, BATCH = 256, 1
# Number of batches in memory, 6 MB each, and how many times each of them is used.
POOL, TIMES = 16, 4
CPU = torch.device("cpu")
LR = 0.05
DRAFT_SHARE = 0.3


class Crops(NamedTuple):
    """Photographs N×3×H×W in 0..1, and their content targets at size 1 and `DRAFT_SIZE`."""

    images: Tensor
    content: dict[int, Tensor]


class Painting:
    """The objective and the Gram matrices of one painting.

    Args:
        image: The file of the painting.
        objective: What the network was trained for.
        weights: Weights of the loss network, as `LossNetwork` takes them.
        precision: Precision of the network and the loss network; "auto" is bf16 where the
            device multiplies it. Gram matrices and losses are always float32.
        device: Where to compute.

    Raises:
        ImageError: The image cannot be read.
        WeightsError: There are no such weights.
    """

    def __init__(
        self,
        image: Path,
        objective: Objective,
        weights: str | Path = "default",
        precision: Literal["auto", "fp32", "bf16"] = "fp32",
        device: torch.device = CPU,
    ) -> None:
        fast = precision == "auto" and multiplies_bfloat16(device)
        self.precision = "bf16" if fast or precision == "bf16" else "fp32"
        self.device = device
        network = LossNetwork(objective.loss_network, objective.taps, weights)
        self.critic = Critic(objective, network.to(device))
        self.targets = self.critic.style_targets(read_paintings([image], objective.painting_size))

    def crops(self, images: Tensor) -> Crops:
        """Return photographs N×3×H×W in 0..1 with their content targets."""
        images = images.to(self.device)
        with self._precision():
            sizes = (1, DRAFT_SIZE)
            return Crops(
                images, {n: self.critic.content_target(averaged(images, n)) for n in sizes}
            )

    def loss(
        self,
        network: StyleNetwork,
        crops: Crops,
        row: Tensor,
        drafting: bool,
        move: Tensor | None = None,
    ) -> Tensor:
        """Return the mean total loss of `crops` with the style row `row`; see `batch_losses`."""
        count = len(crops.images)
        targets = targets_map(lambda gram: gram.expand(count, -1, -1), self.targets)
        with self._precision():
            _, losses = batch_losses(
                network,
                self.critic,
                crops.images,
                row.expand(count, -1),
                targets,
                drafting=drafting,
                content=crops.content,
                move=move,
            )
        return losses["total"].mean()

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


def add_painting(
    checkpoint: Checkpoint,
    image: Path,
    name: str,
    photographs: Path,
    *,
    steps: int = 500,
    short_side: int | None = None,
    loss_weights: str | Path = "default",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    seed: int = 0,
    device: torch.device = CPU,
    quiet: bool = True,
) -> Checkpoint:
    """Return a copy of `checkpoint` with one more style, trained on a painting.

    Args:
        checkpoint: As `read_checkpoint` gives it.
        image: File of the painting.
        name: Name of the new style.
        photographs: Folder of photographs to learn on.
        steps: Number of training steps, each on a crop of 256 pixels.
        short_side: Short side of the painting in pixels; None for that of the other paintings.
        loss_weights: Weights of the loss network, as `LossNetwork` takes them.
        precision: As for `Painting`.
        seed: Seed of the crops.
        device: Where to compute.
        quiet: Show no progress.

    Raises:
        RequestError: The name, the photographs or the weights cannot be used.
        CheckpointError: The checkpoint does not tell what its network was trained for.
        ImageError: The painting cannot be read.
        DivergenceError: The loss became infinite or not a number.
    """
    check_new_names([name], checkpoint["styletransfer"]["styles"])
    aim = checkpoint_objective(checkpoint)
    if short_side is not None:
        aim = replace(aim, painting_size=short_side)
    for note in painting_notes(image, aim.painting_size):
        tqdm.write(f"Warning: {image}: {note}", file=sys.stderr)
    files = find_photographs(photographs)
    painting = Painting(image, aim, loss_weights, precision, device)
    return add_style(checkpoint, painting, name, files, steps, seed, quiet)


def add_style(
    checkpoint: Checkpoint,
    painting: Painting,
    name: str,
    photographs: Sequence[Path],
    steps: int,
    seed: int = 0,
    quiet: bool = False,
) -> Checkpoint:
    """Return a copy of `checkpoint` with one more style. The other styles stay bit for bit.

    The arguments are those of `add_painting`; `photographs` are files.

    Raises:
        StyleError: There is already a style of that name.
        TrainingDataError: No photograph is large enough for a crop of 256 pixels.
        DivergenceError: The loss became infinite or not a number.
    """
    append_styles(checkpoint, [name])  # refuses the name before any work is done
    network = checkpoint_network(checkpoint).requires_grad_(False).to(painting.device)
    batches = crop_batches(painting, photographs, seed)
    first = list(islice(batches, 2))
    start = best_start(network, painting, first)
    result = append_styles(checkpoint, [name], start[None])
    rows = learn_rows(
        network, painting, islice(chain(first, batches), steps), start, steps, seed, quiet
    )
    for state in STATES:
        for table, row in rows.items():
            if state in result:
                result[state][PREFIX + table][-1] = row
    return result


def crop_batches(painting: Painting, photographs: Sequence[Path], seed: int) -> Iterator[Crops]:
    """Yield batches without end: `POOL` new ones, each of them `TIMES` times, then new ones.

    A photograph that cannot be used is named once on stderr.
    """
    stream = PhotographStream(Files(photographs), CROP, BATCH, sys.maxsize, seed=seed)
    told: set[str] = set()
    for first in count(step=POOL):
        pool: list[Crops] = []
        for step in range(first, first + POOL):
            batch = stream.batch(step)
            for line in batch.skipped:
                if line not in told:
                    tqdm.write(f"skipped {line}", file=sys.stderr)
                told.add(line)
            pool.append(painting.crops(batch.images))
            yield pool[-1]
        for _ in range(1, TIMES):
            yield from pool


def best_start(network: StyleNetwork, painting: Painting, batches: Sequence[Crops]) -> Tensor:
    """Return the blend to start from: the painting with the least loss, or the mean of all.

    It has a weight for each painting of the network.
    """
    paintings = network.styles - 1
    candidates = torch.cat([torch.eye(paintings), torch.full((1, paintings), 1 / paintings)])

    def loss(blend: Tensor) -> float:
        row = torch.cat([torch.zeros(1), blend]).to(painting.device)
        with torch.no_grad():
            return sum(
                painting.loss(network, crops, row, network.has_draft).item() for crops in batches
            )

    best: Tensor = min(candidates, key=loss)
    return best


def learn_rows(
    network: StyleNetwork,
    painting: Painting,
    batches: Iterable[Crops],
    start: Tensor,
    steps: int,
    seed: int = 0,
    quiet: bool = False,
) -> dict[str, Tensor]:
    """Train a copy of `network` that has only the new style, which starts from the blend `start`.

    If the network has a coarse stage, it is trained alone at first, for `DRAFT_SHARE` of the steps.

    Returns:
        The rows of the new style, by the names of their tensors.

    Raises:
        DivergenceError: The loss became infinite or not a number.
        WorkError: There is no memory for a crop.
    """
    mixture = torch.zeros(2, 1 + len(start))
    mixture[0, 0] = 1
    mixture[1, 1:] = start
    alone = restyled(network, mixture.to(painting.device)).requires_grad_(False).train()
    tables = {name: alone.get_parameter(name).requires_grad_() for name in style_tables(alone)}
    optimizer = torch.optim.Adam(tables.values(), LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    drafts = int(DRAFT_SHARE * steps) if alone.has_draft else 0
    row = torch.tensor([0.0, 1.0], device=painting.device)
    with tqdm(
        batches, "style", steps, unit="step", delay=2, disable=True if quiet else None
    ) as bar:
        for step, crops in enumerate(bar):
            optimizer.zero_grad()
            move = move_of_batch(seed, step)
            try:
                total = painting.loss(alone, crops, row, step < drafts, move)
                total.backward()  # type: ignore[no-untyped-call]
            except torch.OutOfMemoryError as error:
                raise WorkError(
                    f"{painting.device}: out of memory with one crop of {CROP} pixels; take "
                    "--device cpu"
                ) from error
            if not math.isfinite(loss := total.item()):
                raise DivergenceError(f"the loss was not finite at step {step}; try another seed")
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
    return {name: table.detach()[-1].cpu() for name, table in tables.items()}
