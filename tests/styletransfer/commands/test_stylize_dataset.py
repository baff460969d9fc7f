"""The command on a folder: what it writes, with each of its options."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from styletransfer.dataset import stylize_dataset, verify_dataset
from styletransfer.errors import DataSetError
from tests.styletransfer.commands.calls import load
from tests.styletransfer.dataset.data_set import (
    check_manifest,
    data_set,
    failures,
    pictures,
    rows,
    run,
    save,
    tree,
)
from tests.styletransfer.tiny_model import STYLES


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return data_set(tmp_path / "photos")


def test_one_style_for_all(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(photos, out, "--style", "udnie", "--model", model)
    assert (result.exit_code, result.stderr) == (0, "")
    assert set(pictures(out)) == set(tree(photos))
    for name in tree(photos):
        np.testing.assert_array_equal(load(out / name), 255 - load(photos / name))
    check_manifest(out)
    row = rows(out / "manifest.csv")[1]
    source = photos / "class0" / "003.png"
    assert row.pop("source_bytes") == str(source.stat().st_size)
    assert row.pop("source_version") == str(source.stat().st_mtime_ns)
    assert row.pop("source_sha256") == hashlib.sha256(source.read_bytes()).hexdigest()
    assert row | {"sha256": "", "bytes": ""} == {
        "output": "class0/003.png", "source": "class0/003.png", "style": "udnie", "strength": "1",
        "width": "9", "height": "8", "source_width": "9", "source_height": "8",
        "bytes": "", "sha256": "",
    }  # fmt: skip
    assert failures(out) == {}


def test_image_folder_reads_it(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(photos, out, "--style", "udnie", "--model", model)
    before, after = ImageFolder(str(photos)), ImageFolder(str(out))
    assert after.classes == before.classes
    assert [label for _, label in after.samples] == [label for _, label in before.samples]


def test_a_random_style_depends_on_the_path_and_the_seed_alone(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    for name in list(tree(photos))[::3]:
        (few / name).parent.mkdir(parents=True, exist_ok=True)
        (few / name).write_bytes((photos / name).read_bytes())
    options = ("--style", "random", "--strength", "0.25..0.75", "--model", model)
    for source, out, seed in ((photos, "all", 1), (few, "some", 1), (photos, "other", 2)):
        assert run(source, tmp_path / out, *options, "--seed", seed).exit_code == 0
    whole = pictures(tmp_path / "all")
    assert pictures(tmp_path / "some").items() <= whole.items()
    assert pictures(tmp_path / "other") != whole
    table = rows(tmp_path / "all" / "manifest.csv")
    assert {row["style"] for row in table} == set(STYLES[1:])
    strengths = [float(row["strength"]) for row in table]
    assert 0.25 <= min(strengths) < max(strengths) <= 0.75


def test_each_style_has_a_folder(model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "labels.txt").write_text("0 1 2")
    out, one = tmp_path / "out", tmp_path / "one"
    assert run(photos, out, "--style", "each", "--copy-others", "--model", model).exit_code == 0
    names = set(tree(photos))
    assert set(pictures(out)) == {f"{style}/{name}" for style in STYLES[1:] for name in names}
    run(photos, one, "--style", "starry_night", "--copy-others", "--model", model)
    assert pictures(one) == pictures(out / "starry_night")
    check_manifest(out)


def test_styles_from_a_table(model: Path, photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "styles.csv"
    table.write_text('path,style\nclass0/000.png,udnie\n./class0/003.png,"udnie:1,identity:1"\n')
    out = tmp_path / "out"
    result = run(photos, out, "--style-from", table, "--model", model)
    assert result.exit_code == 1
    assert {row["output"]: row["style"] for row in rows(out / "manifest.csv")} == {
        "class0/000.png": "udnie",
        "class0/003.png": "udnie:1,identity:1",
    }
    assert len(failures(out)) == 10
    assert "--style-from" in failures(out)["class1/001.png"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.png,udni\n", "line 1: no style is named 'udni'"),
        ("path,style\na.png,udnie\na.png,udnie\n", "line 3 names a.png a second time"),
        ("a.png\n", "line 1 is not path,style"),
        ("", "no rows"),
    ],
)
def test_wrong_tables(model: Path, photos: Path, tmp_path: Path, text: str, said: str) -> None:
    table, out = tmp_path / "styles.csv", tmp_path / "out"
    table.write_text(text)
    result = run(photos, out, "--style-from", table, "--model", model)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr
    assert not out.exists()


def test_size_crop_format_and_quality(model: Path, photos: Path, tmp_path: Path) -> None:
    save(photos / "wide.png", 20, 41)
    sizes = {}
    for quality in (30, 95):
        out = tmp_path / f"out{quality}"
        options = ("--short-side", 10, "--crop", "--format", "jpg", "--quality", quality)
        assert run(photos, out, "--style", "udnie", *options, "--model", model).exit_code == 0
        assert {Path(name).suffix for name in pictures(out)} == {".jpg"}
        assert {load(out / name).shape for name in pictures(out)} == {(10, 10, 3)}
        sizes[quality] = sum(map(len, pictures(out).values()))
        row = rows(out / "manifest.csv")[-1]
        assert [row[f"{s}{side}"] for s in ("", "source_") for side in ("width", "height")] == [
            "10", "10", "41", "20",
        ]  # fmt: skip
    assert sizes[30] < sizes[95]


def test_crop_is_the_middle(model: Path, tmp_path: Path) -> None:
    photo = save(tmp_path / "photos" / "a.png", 10, 31)
    out = tmp_path / "out"
    run(
        tmp_path / "photos", out, "--style", "udnie", "--short-side", 10, "--crop", "--model", model
    )
    np.testing.assert_array_equal(load(out / "a.png"), 255 - load(photo)[:, 10:20])


def test_colors_are_preserved(model: Path, tmp_path: Path) -> None:
    gray = tmp_path / "photos" / "gray.png"
    gray.parent.mkdir()
    Image.fromarray(np.full((8, 8, 3), 128, np.uint8)).save(gray)
    for out, options in (("plain", ()), ("kept", ("--preserve-colors",))):
        run(gray.parent, tmp_path / out, "--style", "the_scream", *options, "--model", model)
    plain, kept = load(tmp_path / "plain" / "gray.png"), load(tmp_path / "kept" / "gray.png")
    assert np.ptp(plain, axis=2).max() > 50  # this style tints
    assert np.ptp(kept, axis=2).max() == 0


def test_what_a_photograph_tells_is_kept_or_stripped(model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x8298] = "mine"  # copyright
    Image.new("RGB", (9, 6)).save(photos / "a.jpg", exif=exif)
    options = ("--style", "udnie", "--model", model)
    told = []
    for out, more in ((tmp_path / "kept", ()), (tmp_path / "stripped", ("--strip",))):
        assert run(photos, out, *options, *more).exit_code == 0
        with Image.open(out / "a.jpg") as image:
            told.append(image.getexif().get(0x8298))
    assert told == ["mine", None]
    result = run(photos, tmp_path / "kept", *options, "--strip")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "was begun with strip False, not True" in result.stderr


def test_others_are_copied_if_asked_for(model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "class0" / "labels.txt").write_text("0 1 2")
    (photos / ".hidden").write_text("")
    without, out = tmp_path / "without", tmp_path / "with"
    assert run(photos, without, "--style", "udnie", "--model", model).exit_code == 0
    assert len(pictures(without)) == 12
    result = run(photos, out, "--style", "udnie", "--copy-others", "--model", model)
    assert result.exit_code == 0
    assert pictures(out) == pictures(without) | {"class0/labels.txt": b"0 1 2"}
    check_manifest(out)


def test_shards_are_a_partition(model: Path, photos: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = ("--style", "random", "--model", model)
    run(photos, whole, *options)
    counts = []
    for number in (1, 2, 3):
        assert run(photos, parts, *options, "--shard", f"{number}/3").exit_code == 0
        counts.append(len(pictures(parts)))
        check_manifest(parts)
    assert 0 < counts[0] < counts[1] < counts[2] == 12
    assert tree(parts) == tree(whole)


def test_the_stages_are_told(model: Path, photos: Path, tmp_path: Path) -> None:
    result = run(photos, tmp_path / "out", "--style", "udnie", "--model", model)
    first, second = result.stdout.splitlines()
    assert first.startswith("wrote 12 pictures in ")
    assert all(f"{stage} " in second for stage in ("decode", "stylize", "encode"))
    result = run(photos, tmp_path / "quiet", "--style", "udnie", "--model", model, "--quiet")
    assert result.output == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--style", "udni"], "did you mean udnie?"),
        (["--style", "udnie", "--strength", "0.9..0.1"], "0.9..0.1"),
        (["--style", "udnie", "--strength", "nan"], "nan"),
        (["--style", "udnie", "--shard", "0/4"], "from 1/n to n/n"),
        (["--style", "udnie", "--shard", "5/4"], "from 1/n to n/n"),
        (["--style", "udnie", "--crop"], "--short-side"),
        (["--style", "udnie", "--ray-address", "auto"], "--engine ray"),
        (["--style", "udnie", "--style-from", __file__], "not both"),
        (["--style", "udnie", "--format", "gif"], "--format"),
        (["--style", "udnie", "--provider", "abacus"], "abacus"),
        ([], "give a --style: the_scream, udnie, starry_night, random or each"),
    ],
)
def test_wrong_calls(
    model: Path, photos: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    out = tmp_path / "out"
    result = run(photos, out, "--model", model, *words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
    assert said in result.stderr
    assert not out.exists()


def test_the_same_from_python(model: Path, photos: Path, tmp_path: Path) -> None:
    options = {"style": "random", "strength": (0.25, 0.75), "short_side": 5, "format": "jpg"}
    outcome = stylize_dataset(photos, tmp_path / "out", model=model, **options)
    assert (outcome.written, outcome.failed) == (12, 0)
    words = ("--style", "random", "--strength", "0.25..0.75", "--short-side", 5, "--format", "jpg")
    run(photos, tmp_path / "whole", *words, "--model", model)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert list(verify_dataset(photos, tmp_path / "out", model=model, **options)) == []
    (tmp_path / "out" / "class0" / "000.jpg").unlink()
    found = list(verify_dataset(photos, tmp_path / "out", model=model, **options))
    assert found == ["class0/000.jpg: is missing; run the command again"]
    for wrong in ({"strength": 2.0}, {"crop": True, "short_side": None}, {"format": "gif"}):
        with pytest.raises(DataSetError):
            stylize_dataset(photos, tmp_path / "no", model=model, **(options | wrong))
    assert not (tmp_path / "no").exists()
