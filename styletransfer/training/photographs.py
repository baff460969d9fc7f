"""The photographs that a network learns on: an endless, seeded, resumable stream of crops."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from styletransfer.errors import ImageError, StyleTransferError, TrainingDataError
from styletransfer.images import find_images
from styletransfer.training.batch_losses import CELL
from styletransfer.training.saving import outlive_signals
from styletransfer.training.sources import (
    Files,
    Photographs,
    Source,
    middle_crop,
    random_crop,
    short_side,
)

# Number of headers that are read before the first step, to notice a folder of thumbnails.
LOOKED_AT = 200


@runtime_checkable
class CountsBatches(Protocol):
    """A module that knows how many batches of the run it has seen, resumed or not."""

    batches: int


class Batch(NamedTuple):
    """Photographs N×3×H×W in 0..1, and lines about files that could not be used for the batch."""

    images: Tensor
    skipped: list[str]


class PhotographStream(IterableDataset[Batch | StyleTransferError]):
    """Batches of random crops. Batch k depends only on the seed, on k and on the source.

    So a run that was stopped continues with exactly the batches that it would have seen. A sample
    is the next photograph of a shuffle; see `random_crop`. If a photograph is corrupt or too small,
    `skipped` names it, and the next one takes its place.

    Args:
        source: The photographs. With `Files`, the number of worker processes changes nothing.
        crop: Side of the crops in pixels.
        batch_size: Number of photographs in a batch, on each device.
        steps: Length of the whole run, in batches.
        start: Number of the first batch.
        seed: Seed of the shuffle, the scales, the crops and the flips.
        rank: Number of this process.
        world_size: Number of processes.
        workers: Number of processes that decode photographs for each of them.
    """

    def __init__(
        self,
        source: Source,
        crop: int,
        batch_size: int,
        steps: int,
        start: int = 0,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 1,
    ) -> None:
        self.source = source
        self.crop = crop
        self.batch_size = batch_size
        self.steps = steps
        self.start = start
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.lanes = world_size * max(workers, 1)

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch | StyleTransferError]:
        """Yield the batches. In a worker an error is yielded too, and is the last."""
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in range(self.start + first, self.steps, stride):
            try:
                batch = self.batch(step)
            except StyleTransferError as error:
                if worker is None:
                    raise
                # Raised in a worker, it would arrive with a traceback for its message.
                yield error
                return
            yield batch

    def batch(self, step: int) -> Batch:
        """Return batch `step` of this process."""
        number = step * self.world_size + self.rank
        skipped: list[str] = []
        images = [self._sample(number, i, skipped) for i in range(self.batch_size)]
        return Batch(torch.stack(images), list(dict.fromkeys(skipped)))

    def _sample(self, number: int, place: int, skipped: list[str]) -> Tensor:
        rng = random.Random(f"{self.seed}/{number * self.batch_size + place}")
        for photographs, first in self.source.deal(number, self.batch_size, self.lanes, skipped):
            draw = first + place
            crop = random_crop(photographs, draw, self.crop, self.seed, rng, skipped)
            if crop is not None:
                return crop
        raise TrainingDataError(
            "no photograph is readable and large enough for a crop; the warnings say why"
        )


class HeldOut(Dataset[Batch]):
    """Batches of photographs for validation: the short side is scaled to the crop, and cropped.

    A photograph that cannot be read is named in `skipped`, and the batch is smaller.
    """

    def __init__(self, photographs: Photographs, crop: int, batch_size: int) -> None:
        self.photographs = photographs
        self.crop = crop
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.photographs) // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        images = torch.empty(0, 3, self.crop, self.crop)
        skipped: list[str] = []
        first = index * self.batch_size
        for number in range(first, min(first + self.batch_size, len(self.photographs))):
            try:
                middle = middle_crop(self.photographs, number, self.crop)
            except ImageError as error:
                skipped.append(str(error))
                continue
            images = torch.cat([images, middle[None]])
        return Batch(images, skipped)


class PhotographDataModule(pl.LightningDataModule):
    """Photographs from a folder tree or from shards, some of them held out for validation.

    Args:
        photographs: A folder, in which images in subfolders count as well; or WebDataset shards,
            here or in a store: `photos/{000..099}.tar`, `s3://bucket/photos/{000..099}.tar`.
        crop: Side of the square crops, in pixels; at least 8.
        batch_size: Number of crops in a batch, on each device.
        held_out: Number of photographs that are kept from training and used for validation; at
            most half of them are. They are spread evenly over the sorted paths, or over the first
            shard.
        workers: Number of processes that decode photographs.
        seed: Seed of the shuffle, the scales, the crops and the flips.

    Raises:
        TrainingDataError: A number is too small.
    """

    def __init__(
        self,
        photographs: str | Path,
        crop: int = 256,
        batch_size: int = 4,
        held_out: int = 16,
        workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        # A smaller crop is less than a cell of the networks: it has no draft at half size.
        least = {"crop": (crop, CELL), "batch_size": (batch_size, 1), "held_out": (held_out, 0)}
        for option, (given, limit) in {**least, "workers": (workers, 0)}.items():
            if given < limit:
                raise TrainingDataError(f"--data.{option} is at least {limit}, not {given}")
        self.photographs = str(photographs)
        self.crop = crop
        self.batch_size = batch_size
        self.held_out = held_out
        self.workers = workers
        self.seed = seed

    def setup(self, stage: str) -> None:
        """Find the photographs and split them.

        Raises:
            TrainingDataError: The folder or a shard is missing or empty, or no photograph is large
                enough.
            DataSetError: The pattern of the shards, or their suffix, cannot be used.
        """
        self.source: Source
        self.validation: Photographs
        if Path(self.photographs).is_dir():
            paths = find_images(self.photographs)
            held_out = self._hold_out(Files(paths))
            self.validation = Files([paths[number] for number in held_out])
            kept = set(held_out)
            self.source = Files([path for n, path in enumerate(paths) if n not in kept])
            return
        # Not at the top of the file: a folder needs nothing of what reads shards.
        from styletransfer.training.shards import Shards, find_shards, read_first

        names = find_shards(self.photographs)
        first = read_first(names)
        held_out = self._hold_out(first)
        self.validation = first.only(held_out)
        left_out = frozenset(first.name(number) for number in held_out)
        self.source = Shards(names, len(first) - len(held_out), self.seed, left_out)

    def _hold_out(self, photographs: Photographs) -> range:
        """Return the numbers of the photographs for validation, after a look at all of them."""
        count = len(photographs)
        if count < 1 + bool(self.held_out):
            raise TrainingDataError(
                f"{self.photographs}: {count} photographs; give at least 2, one to train on and "
                "one to validate with"
            )
        self._check_crop(photographs)
        held_out = min(self.held_out, count // 2)
        every = count // held_out if held_out else count + 1
        return range(every - 1, count, every)[:held_out]

    def _check_crop(self, photographs: Photographs) -> None:
        largest = 0
        for number in range(0, len(photographs), -(-len(photographs) // LOOKED_AT)):
            try:
                largest = max(largest, short_side(photographs, number))
            except ImageError:
                continue
        if not largest:
            raise TrainingDataError(f"{self.photographs}: no image in it can be read")
        if largest < self.crop:
            raise TrainingDataError(
                f"{self.photographs}: a crop of {self.crop} pixels is larger than the photographs, "
                f"whose short side is at most {largest}; lower --data.crop"
            )

    def train_dataloader(self) -> DataLoader[Batch | StyleTransferError]:
        assert self.trainer is not None
        if self.trainer.max_steps < 1:
            raise TrainingDataError("the length of training is not set: give --trainer.max_steps")
        accumulated = self.trainer.accumulate_grad_batches
        module = self.trainer.lightning_module
        stream = PhotographStream(
            self.source,
            self.crop,
            self.batch_size,
            self.trainer.max_steps * accumulated,
            module.batches if isinstance(module, CountsBatches) else 0,
            self.seed,
            self.trainer.global_rank,
            self.trainer.world_size,
            self.workers,
        )
        return DataLoader(
            stream,
            batch_size=None,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=outlive_signals,
        )

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Raise the error that a worker met in the place of a batch."""
        if isinstance(batch, StyleTransferError):
            raise batch
        return batch

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        if not len(self.validation):
            return []
        return DataLoader(HeldOut(self.validation, self.crop, self.batch_size), batch_size=None)
