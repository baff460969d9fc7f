"""Shards as the source of a run: seeded, resumable, split, undisturbed by what is damaged."""

import gzip
import io
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset
import zstandard
from PIL import Image
from torch.utils.data import DataLoader

from styletransfer.errors import DataSetError, StyleTransferError, TrainingDataError
from styletransfer.training.photographs import PhotographStream
from styletransfer.training.shards import read_shard
from tests.styletransfer.training.tars import (
    SIDE,
    levels,
    paths_in,
    stream,
    write_shard,
)
from tests.styletransfer.training.tiny import data, make_data, module, trainer


def test_what_webdataset_wrote_and_reads_is_what_is_read(folder: Path) -> None:
    path = folder / "0.tar"
    theirs = [sample["png"] for sample in webdataset.WebDataset(str(path), shardshuffle=False)]
    ours = read_shard(path)
    assert [ours.open(number).read() for number in range(len(ours))] == theirs
    assert ours.name(0) == f"{path}/000000.png"
    assert ours.problems == ()


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_an_epoch_shows_each_photograph_once_by_one_process_alone(folder: Path, lanes: int) -> None:
    paths = paths_in(folder)[: 2 * lanes]
    seen = Counter[int]()
    read_by: dict[str, set[int]] = {}
    for rank in range(lanes):
        own = stream(paths, steps=5 * len(paths) // lanes, rank=rank, world_size=lanes)
        for level in levels(list(own)):
            seen[level] += 1
            read_by.setdefault(paths[level // 5], set()).add(rank)
    if len(paths) % lanes == 0:
        assert seen == Counter(range(5 * len(paths)))
        assert all(len(ranks) == 1 for ranks in read_by.values())


def test_the_seed_decides_the_order_and_epochs_differ(folder: Path) -> None:
    first, again, other = (
        levels(list(stream(paths_in(folder), steps=40, seed=seed))) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert first[:20] != first[20:]
    orders = {
        tuple(level // 5 for level in run[at : at + 20 : 5])
        for run in (first, other)
        for at in (0, 20)
    }
    assert len(orders) > 1


@pytest.mark.parametrize("start", [1, 7, 20, 33])
def test_a_stream_resumes_where_it_was(folder: Path, start: int) -> None:
    whole = [batch.images for batch in stream(paths_in(folder), steps=40)]
    rest = [batch.images for batch in stream(paths_in(folder), steps=40, start=start)]
    assert len(rest) == 40 - start
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_workers_read_their_own_shards_and_change_no_batch(folder: Path) -> None:
    own = stream(paths_in(folder), workers=2)
    alone = [batch.images for batch in own]
    loader = DataLoader(stream(paths_in(folder), workers=2), batch_size=None, num_workers=2)
    assert all(torch.equal(a, b.images) for a, b in zip(alone, loader, strict=True))
    shard_of = [level // 5 for level in levels(list(own))]
    assert not set(shard_of[0:10:2]) & set(shard_of[1:10:2])


def test_a_larger_shard_shows_all_in_time_and_a_smaller_one_repeats(tmp_path: Path) -> None:
    paths = [
        str(write_shard(tmp_path / "0.tar", list(range(9)))),
        str(write_shard(tmp_path / "1.tar", list(range(10, 12)))),
    ]
    seen = Counter(levels(list(stream(paths, visit=3, steps=6 * 3))))
    # Three epochs: each shard has three visits of three samples.
    assert seen == Counter({**dict.fromkeys(range(9), 1), 10: 5, 11: 4}) or seen == Counter(
        {**dict.fromkeys(range(9), 1), 10: 4, 11: 5}
    )


def test_the_samples_of_a_visit_come_from_one_shard(folder: Path) -> None:
    drawn = levels(list(stream(paths_in(folder), batch_size=2, steps=8)))
    assert all(len({level // 5 for level in drawn[at : at + 4]}) == 1 for at in range(0, 16, 4))


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.zst"])
def test_compressed_shards(folder: Path, suffix: str) -> None:
    pack = gzip.compress if suffix == ".tar.gz" else zstandard.compress
    packed = folder.parent / "packed"
    packed.mkdir()
    for path in folder.iterdir():
        (packed / f"{path.stem}{suffix}").write_bytes(pack(path.read_bytes()))
    assert levels(list(stream(paths_in(packed)))) == levels(list(stream(paths_in(folder))))


def test_what_is_damaged_is_named_and_the_rest_counts(folder: Path) -> None:
    cut = folder / "1.tar"
    with tarfile.open(cut) as tar:
        (third,) = [m for m in tar.getmembers() if m.name == "000007.png"]
    cut.write_bytes(cut.read_bytes()[: third.offset_data + 40])
    corrupt = folder / "2.tar"
    with tarfile.open(corrupt) as tar:
        (member,) = [m for m in tar.getmembers() if m.name == "000011.png"]
    content = bytearray(corrupt.read_bytes())
    content[member.offset_data : member.offset_data + 40] = bytes(40)
    corrupt.write_bytes(content)
    (folder / "3.tar").write_bytes(b"<html>not found</html>" * 100)
    batches = list(stream(paths_in(folder), steps=200))
    skipped = {line for batch in batches for line in batch.skipped}
    assert set(levels(batches)) == {0, 1, 2, 3, 4, 5, 6, 10, 12, 13, 14}
    for said in (
        f"{cut}: cannot be read to its end",
        f"{cut}/000007.png: is cut short",
        f"{corrupt}/000011.png: not an image",
        f"{folder}/3.tar: cannot be read to its end",
    ):
        assert sum(said in line for line in skipped) == 1, said
    assert len(skipped) == 4


def test_a_shard_in_which_nothing_is_large_enough_is_passed_over(folder: Path) -> None:
    with webdataset.TarWriter(str(folder / "0.tar")) as tar:
        small = io.BytesIO()
        Image.new("RGB", (SIDE - 1, SIDE)).save(small, "png")
        tar.write({"__key__": "small", "png": small.getvalue()})
    batches = list(stream(paths_in(folder), steps=40))
    assert set(levels(batches)) == set(range(5, 20))
    assert any("smaller than a crop of 32" in line for b in batches for line in b.skipped)


def test_shards_that_are_all_lost_end_the_run(folder: Path) -> None:
    paths = paths_in(folder)
    for path in paths:
        Path(path).unlink()
    with pytest.raises(TrainingDataError, match="no photograph of 4 shards in a row"):
        next(iter(stream(paths)))


def test_a_run_on_shards(folder: Path, tmp_path: Path) -> None:
    photographs = data(f"{folder}/{{0..3}}.tar", held_out=2)
    paintings = make_data(tmp_path / "made")["paintings"]
    fitting = trainer(tmp_path, 3, val_check_interval=3, check_val_every_n_epoch=None)
    fitting.fit(module(paintings), photographs)
    assert fitting.callback_metrics["val/total"].isfinite()
    held = {photographs.validation.name(n) for n in range(len(photographs.validation))}
    assert held == {f"{folder}/0.tar/{name}.png" for name in ("000001", "000003")}
    seen = set(levels(list(PhotographStream(photographs.source, SIDE, 1, 120))))
    assert seen == set(range(20)) - {1, 3}


def test_an_error_in_a_worker_keeps_its_line(folder: Path, tmp_path: Path) -> None:
    photographs = data(f"{folder}/{{0..3}}.tar", held_out=0, workers=1)
    paintings = make_data(tmp_path / "made")["paintings"]
    photographs.setup("fit")
    for path in paths_in(folder):
        Path(path).unlink()
    photographs.setup = lambda stage: None  # type: ignore[method-assign]
    with pytest.raises(TrainingDataError) as error:
        trainer(tmp_path, 3, val_check_interval=3).fit(module(paintings), photographs)
    assert str(error.value).startswith(f"{folder}/") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "error", "said"),
    [
        ("{0..4}.tar", TrainingDataError, "4.tar: no such tar file; mend --photographs"),
        ("{0..3.tar", DataSetError, "braces do not match"),
        ("{0..3}.zip", DataSetError, "its suffix is none of .tar"),
        ("nowhere", TrainingDataError, "no such folder; give a folder of this machine, or tar"),
        ("empty.tar", TrainingDataError, "empty.tar: no photograph in it; put a shard with"),
        ("packed.tar", DataSetError, "is compressed with gzip; rename it to packed.tar.gz"),
    ],
)
def test_shards_that_cannot_be_trained_on(
    folder: Path, pattern: str, error: type[StyleTransferError], said: str
) -> None:
    tarfile.open(folder / "empty.tar", "w").close()
    tarfile.open(folder / "packed.tar", "w:gz").close()
    with pytest.raises(error, match=said.replace("(", r"\(")):
        data(f"{folder}/{pattern}").setup("fit")


def test_a_crop_that_is_larger_than_the_photographs(folder: Path) -> None:
    with pytest.raises(TrainingDataError, match="a crop of 64 pixels is larger"):
        data(f"{folder}/{{0..3}}.tar", crop=64).setup("fit")


def test_pixels_come_through(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    with webdataset.TarWriter(str(tmp_path / "0.tar")) as tar:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png")
        tar.write({"__key__": "a", "png": file.getvalue()})
    image = next(iter(stream([str(tmp_path / "0.tar")], visit=1))).images[0]
    expected = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    assert torch.equal(image, expected) or torch.equal(image, expected.flip(2))
