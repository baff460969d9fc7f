"""The stream of crops: seeded, resumable, undisturbed by bad files."""

import os
import pickle
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from styletransfer.errors import TrainingDataError
from styletransfer.training import sources
from styletransfer.training.photographs import HeldOut, PhotographStream
from styletransfer.training.sources import Files, Photographs, Source
from tests.styletransfer.training.tiny import data, make_data, save_noise


def stream(files: list[Path], **changes: int) -> PhotographStream:
    arguments = {"crop": 32, "batch_size": 3, "steps": 8, "seed": 1, **changes}
    return PhotographStream(Files(files), **arguments)


def paths(photographs: Photographs | Source) -> list[Path]:
    assert isinstance(photographs, Files)
    return [Path(photographs.name(number)) for number in range(len(photographs))]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return sorted(make_data(tmp_path)["photographs"].rglob("*.png"))


def test_batches_are_crops_in_0_to_1(files: list[Path]) -> None:
    batches = list(stream(files))
    assert len(batches) == 8
    for batch in batches:
        assert batch.images.shape == (3, 3, 32, 32)
        assert batch.images.dtype == torch.float32
        assert batch.images.min() >= 0 and batch.images.max() <= 1
        assert batch.skipped == []


def test_same_seed_same_crops_and_another_seed_others(files: list[Path]) -> None:
    first, again, other = (list(stream(files, seed=s)) for s in (1, 1, 2))
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a.images, b.images) for a, b in zip(first, other, strict=True))


def test_a_stream_resumes_where_it_was(files: list[Path]) -> None:
    whole = [batch.images for batch in stream(files)]
    rest = [batch.images for batch in stream(files, start=5)]
    assert len(rest) == 3
    assert all(torch.equal(a, b) for a, b in zip(whole[5:], rest, strict=True))


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_change_nothing(files: list[Path], workers: int) -> None:
    alone = [batch.images for batch in stream(files)]
    loader = DataLoader(stream(files), batch_size=None, num_workers=workers)
    assert all(torch.equal(a, b.images) for a, b in zip(alone, loader, strict=True))


def test_two_processes_share_the_samples_of_one(files: list[Path]) -> None:
    alone = stream(files, batch_size=4).batch(3).images
    halves = [stream(files, batch_size=2, rank=r, world_size=2).batch(3).images for r in (0, 1)]
    assert torch.equal(alone, torch.cat(halves))


def test_every_photograph_is_seen_once_in_a_pass(tmp_path: Path) -> None:
    files = []
    for level in range(6):
        files.append(tmp_path / f"{level}.png")
        Image.new("RGB", (32, 32), (level * 40,) * 3).save(files[-1])
    seen = torch.cat([batch.images for batch in stream(files, steps=2)])[:, 0, 0, 0]
    assert sorted(torch.round(seen * 255 / 40).int().tolist()) == list(range(6))


def test_scale_crop_and_flip_vary(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    Image.fromarray(np.broadcast_to(ramp[None, :, None], (64, 64, 3)).copy()).save(
        tmp_path / "ramp.png"
    )
    crops = torch.cat([b.images for b in stream([tmp_path / "ramp.png"], steps=20)])
    rises = crops[:, 0, 16, -1] - crops[:, 0, 16, 0]
    assert (rises > 0).any() and (rises < 0).any()
    # Nearly the whole ramp where it is scaled to the crop, half of it where it is not scaled.
    assert rises.abs().max() > 0.8
    assert rises.abs().min() < 0.6


def test_unusable_files_are_named_and_replaced(files: list[Path], tmp_path: Path) -> None:
    corrupt = tmp_path / "corrupt.png"
    corrupt.write_bytes(files[0].read_bytes()[:200])
    small = save_noise(tmp_path / "small.png", 60, 31, 1)
    batches = list(stream([*files, corrupt, small], steps=6))
    assert all(batch.images.shape == (3, 3, 32, 32) for batch in batches)
    skipped = {line for batch in batches for line in batch.skipped}
    assert len(skipped) == 2
    assert any("corrupt.png" in line for line in skipped)
    assert any("small.png: smaller than a crop of 32" in line for line in skipped)


def test_nothing_usable_is_an_error_not_an_endless_loop(tmp_path: Path) -> None:
    small = save_noise(tmp_path / "small.png", 20, 20, 1)
    with pytest.raises(TrainingDataError, match="no photograph"):
        next(iter(stream([small])))


def test_held_out_photographs_are_center_crops(tmp_path: Path) -> None:
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, 16:48] = 255
    Image.fromarray(pixels).save(tmp_path / "bar.png")
    held_out = HeldOut(Files([tmp_path / "bar.png"] * 3), 32, batch_size=2)
    assert [len(held_out[i].images) for i in range(len(held_out))] == [2, 1]
    assert torch.equal(held_out[0].images, torch.ones(2, 3, 32, 32))


def test_a_damaged_one_among_the_held_out_is_named_and_the_others_count(
    files: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(files[0].read_bytes()[:200])
    whole = HeldOut(Files(files[:1]), 32, 2)
    damaged = HeldOut(Files([bad, files[0], bad]), 32, 2)
    assert torch.equal(damaged[0].images, whole[0].images)
    assert len(damaged[0].skipped) == 1 and str(bad) in damaged[0].skipped[0]
    assert damaged[1].images.shape == (0, 3, 32, 32)


def test_the_split_is_disjoint_complete_and_spread(tmp_path: Path) -> None:
    folder = make_data(tmp_path, photographs=9)["photographs"]
    module = data(folder, held_out=3)
    module.setup("fit")
    held, kept = set(paths(module.validation)), set(paths(module.source))
    assert len(held) == 3
    assert not held & kept
    assert held | kept == set(folder.rglob("*.png"))


@pytest.mark.parametrize(
    ("option", "least"), [("crop", 8), ("batch_size", 1), ("held_out", 0), ("workers", 0)]
)
def test_numbers_that_are_too_small(tmp_path: Path, option: str, least: int) -> None:
    data(tmp_path, **{option: least})
    with pytest.raises(TrainingDataError, match=f"--data.{option} is at least {least}, not"):
        data(tmp_path, **{option: least - 1})


@pytest.mark.parametrize(
    ("photographs", "changes", "message"),
    [
        (0, {}, "0 photographs"),
        (1, {}, "give at least 2"),
        (4, {"crop": 64}, "a crop of 64 pixels is larger than the photographs"),
    ],
)
def test_data_that_cannot_be_trained_on(
    tmp_path: Path, photographs: int, changes: dict[str, int], message: str
) -> None:
    (tmp_path / "photos").mkdir()
    folder = make_data(tmp_path, photographs=photographs)["photographs"]
    with pytest.raises(TrainingDataError, match=message) as error:
        data(folder, **changes).setup("fit")
    assert str(folder) in str(error.value)


def test_a_large_folder_is_listed_and_200_headers_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = save_noise(tmp_path / "photos" / "0.png", 40, 40, 0)
    for number in range(1, 3000):
        (tmp_path / "photos" / f"{number}.png").hardlink_to(one)
    opened: list[Path] = []

    def note(path: Path) -> IO[bytes]:
        opened.append(path)
        return path.open("rb")

    monkeypatch.setattr(sources, "open_file", note)
    module = data(tmp_path / "photos")
    module.setup("fit")
    assert 0 < len(opened) <= 200
    stream = PhotographStream(module.source, 32, 2, 10)
    assert len(opened) < 200 + len([*stream]) * 2 + 1
    # What goes to each worker is little more than the names.
    names = sum(len(os.fsencode(path)) for path in (tmp_path / "photos").iterdir())
    assert len(pickle.dumps(module.source)) < names + 8 * 3000 + 1000


def test_names_of_any_bytes_come_back(tmp_path: Path) -> None:
    names = [b"plain.png", "größe ☃.png".encode(), b"\xff\xfe.png"]
    files = [tmp_path / os.fsdecode(name) for name in names]
    assert paths(Files(files)) == files
    assert len(Files([])) == 0


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="no such folder"):
        data(tmp_path / "nowhere").setup("fit")
