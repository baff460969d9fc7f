"""The photographs that a network learns on: an endless, seeded, resumable stream of crops."""

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from styletransfer.errors import ImageError, TrainingDataError
from styletransfer.images import find_images, read_image, read_size

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


class PhotographStream(IterableDataset[Batch]):
    """Batches of random crops. Batch k depends only on the seed and on k.

    So a run that was stopped continues with exactly the batches that it would have seen, with any
    number of worker processes. A sample is the next photograph of a shuffle. It is scaled at random
    to a short side between the crop and twice the crop (never enlarged), cropped and flipped. If a
    photograph is corrupt or too small, `skipped` names it, and the next one takes its place.

    Args:
        files: The photographs.
        crop: Side of the crops in pixels.
        batch_size: Number of photographs in a batch, on each device.
        steps: Length of the whole run, in batches.
        start: Number of the first batch.
        seed: Seed of the shuffle, the scales, the crops and the flips.
        rank: Number of this process.
        world_size: Number of processes.
    """

    def __init__(
        self,
        files: Sequence[Path],
        crop: int,
        batch_size: int,
        steps: int,
        start: int = 0,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.files = files
        self.crop = crop
        self.batch_size = batch_size
        self.steps = steps
        self.start = start
        self.seed = seed
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in range(self.start + first, self.steps, stride):
            yield self.batch(step)

    def batch(self, step: int) -> Batch:
        """Return batch `step` of this process."""
        base = (step * self.world_size + self.rank) * self.batch_size
        skipped: list[str] = []
        images = [self._sample(base + i, skipped) for i in range(self.batch_size)]
        return Batch(torch.stack(images), skipped)

    def _sample(self, index: int, skipped: list[str]) -> Tensor:
        rng = random.Random(f"{self.seed}/{index}")
        count = len(self.files)
        epoch, position = divmod(index, count)
        order = _shuffle(self.seed, epoch, count)
        for attempt in range(count):
            path = self.files[order[(position + attempt) % count]]
            try:
                short = min(read_size(path))
                if short < self.crop:
                    raise ImageError(f"{path}: smaller than a crop of {self.crop} pixels")
                scaled = rng.randint(self.crop, min(short, 2 * self.crop))
                pixels = read_image(path, short_side=scaled).rgb
            except ImageError as error:
                skipped.append(str(error))
                continue
            top = rng.randint(0, pixels.shape[0] - self.crop)
            left = rng.randint(0, pixels.shape[1] - self.crop)
            pixels = pixels[top : top + self.crop, left : left + self.crop]
            if rng.random() < 0.5:
                pixels = pixels[:, ::-1]
            return _as_tensor(pixels)
        raise TrainingDataError(
            "no photograph is readable and large enough for a crop; the warnings say why"
        )


class HeldOut(Dataset[Batch]):
    """Batches of photographs for validation: the short side is scaled to the crop, and cropped.

    A photograph that cannot be read is named in `skipped`, and the batch is smaller.
    """

    def __init__(self, files: Sequence[Path], crop: int, batch_size: int) -> None:
        self.files = files
        self.crop = crop
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.files) // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        images = torch.empty(0, 3, self.crop, self.crop)
        skipped: list[str] = []
        for path in self.files[index * self.batch_size : (index + 1) * self.batch_size]:
            try:
                pixels = read_image(path, short_side=self.crop).rgb
            except ImageError as error:
                skipped.append(str(error))
                continue
            top = (pixels.shape[0] - self.crop) // 2
            left = (pixels.shape[1] - self.crop) // 2
            middle = _as_tensor(pixels[top : top + self.crop, left : left + self.crop])
            images = torch.cat([images, middle[None]])
        return Batch(images, skipped)


class PhotographDataModule(pl.LightningDataModule):
    """Photographs from a folder tree, some of them held out for validation.

    Args:
        photographs: A folder; images in its subfolders count as well.
        crop: Side of the square crops, in pixels.
        batch_size: Number of crops in a batch, on each device.
        held_out: Number of photographs, spread evenly over the sorted paths, that are kept from
            training and used for validation; at most half of them are.
        workers: Number of processes that decode photographs.
        seed: Seed of the shuffle, the scales, the crops and the flips.
    """

    def __init__(
        self,
        photographs: Path,
        crop: int = 256,
        batch_size: int = 4,
        held_out: int = 16,
        workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.photographs = Path(photographs)
        self.crop = crop
        self.batch_size = batch_size
        self.held_out = held_out
        self.workers = workers
        self.seed = seed

    def setup(self, stage: str) -> None:
        """Find the photographs and split them.

        Raises:
            TrainingDataError: The folder is missing or empty, or no photograph is large enough.
        """
        if not self.photographs.is_dir():
            raise TrainingDataError(
                f"{self.photographs}: no such folder; give one with --photographs"
            )
        files = find_images(self.photographs)
        if len(files) < 1 + bool(self.held_out):
            raise TrainingDataError(
                f"{self.photographs}: {len(files)} photographs; give at least 2, one to train on "
                "and one to validate with"
            )
        self._check_crop(files)
        held_out = min(self.held_out, len(files) // 2)
        every = len(files) // held_out if held_out else len(files) + 1
        self.validation_files = files[every - 1 :: every][:held_out]
        kept = set(self.validation_files)
        self.training_files = [path for path in files if path not in kept]

    def _check_crop(self, files: Sequence[Path]) -> None:
        largest = 0
        for path in files[:: -(-len(files) // LOOKED_AT)]:
            try:
                largest = max(largest, min(read_size(path)))
            except ImageError:
                continue
        if not largest:
            raise TrainingDataError(f"{self.photographs}: no image in it can be read")
        if largest < self.crop:
            raise TrainingDataError(
                f"{self.photographs}: a crop of {self.crop} pixels is larger than the photographs, "
                f"whose short side is at most {largest}; lower --data.crop"
            )

    def train_dataloader(self) -> DataLoader[Batch]:
        assert self.trainer is not None
        if self.trainer.max_steps < 1:
            raise TrainingDataError("the length of training is not set: give --trainer.max_steps")
        accumulated = self.trainer.accumulate_grad_batches
        module = self.trainer.lightning_module
        stream = PhotographStream(
            self.training_files,
            self.crop,
            self.batch_size,
            self.trainer.max_steps * accumulated,
            module.batches if isinstance(module, CountsBatches) else 0,
            self.seed,
            self.trainer.global_rank,
            self.trainer.world_size,
        )
        return DataLoader(
            stream,
            batch_size=None,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        if not self.validation_files:
            return []
        held_out = HeldOut(self.validation_files, self.crop, self.batch_size)
        return DataLoader(held_out, batch_size=None)


@lru_cache(maxsize=2)
def _shuffle(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)


def _as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255
