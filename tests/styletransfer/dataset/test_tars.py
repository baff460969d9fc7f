"""WebDataset tar files as the source, the destination, or both."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.dataset.tar_sink import TarSink
from styletransfer.dataset.tars import expand
from styletransfer.errors import DataSetError
from tests.styletransfer.dataset.data_set import (
    data_set,
    failures,
    pack,
    pictures,
    rows,
    run,
    save,
    tar_contents,
    tree,
)


def pixels(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image).astype(int)


@pytest.fixture
def shards(tmp_path: Path) -> str:
    """Three tar files of four samples each: an image, a class, and a mask."""
    for number in range(3):
        content = {}
        for key in range(4):
            picture = save(tmp_path / "p.png", seed=4 * number + key).read_bytes()
            content |= {
                f"{number}{key}.cls": str(key).encode(),
                f"{number}{key}.png": picture,
                f"{number}{key}.mask.png": picture,
            }
        pack(tmp_path / "in" / f"{number:02d}.tar", content)
    return str(tmp_path / "in" / "{00..02}.tar")


def test_tars_to_tars(model: Path, shards: str, tmp_path: Path) -> None:
    options = ("--style", "udnie", "--model", model)
    result = run(shards, tmp_path / "out" / "{00..02}.tar", *options)
    assert result.exit_code == 0
    for number in range(3):
        before = tar_contents(tmp_path / "in" / f"{number:02d}.tar")
        after = tar_contents(tmp_path / "out" / f"{number:02d}.tar")
        assert set(after) == set(before)
        assert [name[:2] for name in after] == [name[:2] for name in before]  # samples together
        for name in before:
            if name.endswith(".mask.png") or name.endswith(".cls"):
                assert after[name] == before[name]
            else:
                np.testing.assert_array_equal(pixels(after[name]), 255 - pixels(before[name]))
    assert len(rows(tmp_path / "out" / "manifest.csv")) == 36
    assert run(shards, tmp_path / "out" / "{00..02}.tar", *options, "--verify").exit_code == 0


def test_tars_to_a_folder_and_back(model: Path, shards: str, tmp_path: Path) -> None:
    out, packed = tmp_path / "out", tmp_path / "packed"
    assert run(shards, out, "--style", "udnie", "--model", model).exit_code == 0
    assert "02/23.png" in pictures(out)
    assert len(pictures(out)) == 36
    for path in out.rglob("*.mask.png"):
        path.unlink()  # in a folder these are images like any other
    (out / "manifest.csv").unlink()
    (out / "failures.csv").unlink()
    call = (out, packed / "{0..1}.tar", "--style", "identity", "--copy-others", "--model", model)
    assert run(*call).exit_code == 0
    content = tar_contents(packed / "0.tar") | tar_contents(packed / "1.tar")
    assert tar_contents(packed / "0.tar")
    assert tar_contents(packed / "1.tar")
    assert set(content) == set(pictures(out))
    names = list(tar_contents(packed / "0.tar"))
    assert [name.partition(".")[0] for name in names[::2]] == [
        name.partition(".")[0] for name in names[1::2]
    ]
    for name in content:
        if name.endswith(".cls"):
            assert content[name] == (out / name).read_bytes()
        else:
            np.testing.assert_array_equal(pixels(content[name]), pixels((out / name).read_bytes()))


def test_tars_beside_other_files(model: Path, tmp_path: Path) -> None:
    """The folder of the tar files may hold the source, and what is nobody's business."""
    photos = data_set(tmp_path / "photos", 4)
    (tmp_path / "notes.txt").write_text("mine")
    call = (photos, tmp_path / "out.tar", "--style", "udnie", "--model", model)
    assert run(*call).exit_code == 0
    assert set(tar_contents(tmp_path / "out.tar")) == set(tree(photos))
    assert run(*call).stdout.startswith("wrote 0 pictures")
    assert run(*call, "--verify").exit_code == 0
    for name in ("manifest.csv", "failures.csv"):
        mine = tmp_path / "other" / name
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("mine")
        result = run(photos, mine.with_name("out.tar"), "--style", "udnie", "--model", model)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert f"{mine} exists already" in result.stderr
        assert tree(mine.parent) == {name: b"mine"}
        mine.unlink()


def test_shards_of_tars_and_a_run_that_dies(
    model: Path, shards: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--style", "random", "--model", model)
    run(shards, tmp_path / "whole" / "{00..02}.tar", *options)
    parts = str(tmp_path / "parts" / "{00..02}.tar")

    class Died(BaseException):
        pass

    def dies(self: TarSink) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(TarSink, "close", dies)
        with pytest.raises(Died):
            run(shards, parts, *options)
    assert not list((tmp_path / "parts").glob("*.tar"))
    counts = []
    for number in (1, 2):
        assert run(shards, parts, *options, "--shard", f"{number}/2").exit_code == 0
        counts.append(len(list((tmp_path / "parts").glob("*.tar"))))
    assert counts[1] == 3
    whole = tree(tmp_path / "whole")
    assert {name: whole[name] for name in whole if name[0] != "."} == {
        name: content for name, content in tree(tmp_path / "parts").items() if name[0] != "."
    }


def test_a_sample_that_fails_is_left_out_whole_and_tried_again(model: Path, tmp_path: Path) -> None:
    good = save(tmp_path / "p.png").read_bytes()
    content = {"a.cls": b"0", "a.png": b"no picture", "b.cls": b"1", "b.png": good}
    source, out = pack(tmp_path / "in" / "x.tar", content), tmp_path / "out" / "y.tar"
    call = (source, out, "--style", "udnie", "--model", model)
    assert run(*call).exit_code == 1
    assert set(tar_contents(out)) == {"b.cls", "b.png"}
    assert failures(out.parent)["x.tar/a.cls"].startswith("is left out, because another file")
    assert "not an image" in failures(out.parent)["x.tar/a.png"]
    assert run(*call, "--verify").exit_code == 0
    pack(source, content | {"a.png": good})
    assert run(*call).exit_code == 1
    assert run(*call, "--retry-failed").exit_code == 0
    assert set(tar_contents(out)) == set(content)
    assert failures(out.parent) == {}


def test_a_tar_that_is_cut_short(model: Path, tmp_path: Path) -> None:
    good = save(tmp_path / "p.png").read_bytes()
    source = pack(tmp_path / "in" / "x.tar", {"a.png": good, "b.png": good})
    source.write_bytes(source.read_bytes()[:1600])
    out = tmp_path / "out"
    assert run(source, out, "--style", "udnie", "--model", model).exit_code == 1
    assert set(failures(out)) & {"x.tar", "x.tar/b.png"}
    assert set(pictures(out)) == {"x/a.png"}


def test_names_that_lead_out_of_the_destination(model: Path, tmp_path: Path) -> None:
    good = save(tmp_path / "p.png").read_bytes()
    source = pack(tmp_path / "in" / "x.tar", {"../../a.png": good, "/b.png": good, "c.png": good})
    assert run(source, tmp_path / "out", "--style", "udnie", "--model", model).exit_code == 1
    assert set(pictures(tmp_path / "out")) == {"x/c.png"}
    assert len(failures(tmp_path / "out")) == 2
    assert not (tmp_path / "a.png").exists()


def test_two_images_of_one_key(model: Path, tmp_path: Path) -> None:
    photos = data_set(tmp_path / "photos", 2)
    save(photos / "class0" / "000.jpg")
    out = tmp_path / "out" / "a.tar"
    assert run(photos, out, "--style", "udnie", "--model", model).exit_code == 1
    assert len(tar_contents(out)) == 2
    (reason,) = failures(out.parent).values()
    assert "rename" in reason


def test_patterns(tmp_path: Path) -> None:
    assert expand("folder") is None
    assert expand("a.tar") == [Path("a.tar")]
    assert expand("d/x-{08..11}.tar") == [Path(f"d/x-{n:02d}.tar") for n in (8, 9, 10, 11)]
    assert expand("d/{a,b}.tar") == [Path("d/a.tar"), Path("d/b.tar")]
    for wrong in ("d/{a..tar", "{a,b}/x{,}.tar", "{a,b}/{c,d}.tar"):
        with pytest.raises(DataSetError):
            expand(wrong)


def test_wrong_calls(model: Path, shards: str, tmp_path: Path) -> None:
    for source, out, said in (
        (shards, tmp_path / "out" / "{0..1}.tar", "3 tar files are read and 2 written"),
        (tmp_path / "in" / "{00..03}.tar", tmp_path / "out" / "{0..3}.tar", "03.tar: there is no"),
        (shards, shards, "00.tar exists already; name tar files in another folder"),
    ):
        result = run(source, out, "--style", "udnie", "--model", model)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert said in result.stderr
    assert not (tmp_path / "out").exists()
