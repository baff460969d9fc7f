"""`interp texture-grow` and `interp quilt`: files, lines and exit status."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interp.patches.growing import grow_texture
from interp.patches.quilting import quilt
from interp.patches.transfer import transfer_texture
from styletransfer.images import Pixels
from tests.interp.commands.calls import refused, run

CALLS = {
    "texture-grow": ("SAMPLE", "--size", "24x16", "--window", "5"),
    "quilt": ("SAMPLE", "--size", "40", "--block", "12"),
    "onto": ("SAMPLE", "--onto", "PHOTO", "--size", "24", "--block", "9"),
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    random = np.random.default_rng(0)
    found = {}
    for name, size in (("SAMPLE", (30, 26, 3)), ("PHOTO", (24, 33, 3))):
        found[name] = tmp_path / f"{name.lower()}.png"
        Image.fromarray(random.integers(0, 256, size, np.uint8)).save(found[name])
    return found


def named(call: str, files: dict[str, Path]) -> list[object]:
    command = "quilt" if call == "onto" else call
    return [command, *(files.get(word, word) for word in CALLS[call])]


def expected(call: str, files: dict[str, Path], seed: int) -> Pixels:
    sample, photo = (np.asarray(Image.open(path)) for path in files.values())
    if call == "onto":
        return transfer_texture(sample, photo, block=9, seed=seed).pixels
    if call == "quilt":
        return quilt(sample, 40, 40, block=12, seed=seed).pixels
    return grow_texture(sample, 16, 24, window=5, seed=seed).pixels


@pytest.mark.parametrize("call", CALLS)
def test_picture_and_data(call: str, files: dict[str, Path], tmp_path: Path) -> None:
    figure, data = tmp_path / "f.png", tmp_path / "d.npz"
    words = [*named(call, files), "-o", figure, "--seed", "3"]
    result = run(*words, "--data", data)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"wrote {figure}\nwrote {data}\n"
    picture = np.asarray(Image.open(figure))
    np.testing.assert_array_equal(picture, expected(call, files, 3))
    with np.load(data) as arrays:
        np.testing.assert_array_equal(np.rint(arrays["image"] * 255).transpose(1, 2, 0), picture)
        rows, columns = arrays["places"].transpose(2, 0, 1)
    np.testing.assert_array_equal(np.asarray(Image.open(files["SAMPLE"]))[rows, columns], picture)
    assert "exists already; --overwrite" in refused(*words)
    quiet = run(*words, "--overwrite", "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


@pytest.mark.parametrize(
    ("call", "every", "names"),
    [
        ("texture-grow", 3, ["f-0003.png", "f-0006.png", "f-0009.png"]),
        ("quilt", 7, ["f-0007.png", "f-0014.png"]),
        ("onto", 60, ["f-0060.png", "f-0120.png"]),
        ("quilt", 100, []),
    ],
)
def test_intermediate_pictures(
    call: str, every: int, names: list[str], files: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    words = [*named(call, files), "-o", folder / "f.png", "--save-every", every]
    result = run(*words)
    assert (result.exit_code, result.stdout) == (0, f"wrote {folder / 'f.png'}\n")
    assert sorted(path.name for path in folder.iterdir()) == [*names, "f.png"]
    if names:
        final = np.asarray(Image.open(folder / "f.png"))
        earlier = [np.asarray(Image.open(folder / name)) for name in names]
        gray = [int((picture == 128).all(axis=2).sum()) for picture in (*earlier, final)]
        assert gray == sorted(gray, reverse=True)
        assert any((picture != final).any() for picture in earlier)
        (folder / "f.png").unlink()
        assert f"{names[0]} exists already; --overwrite" in refused(*words)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P"])
def test_other_kinds_of_sample(mode: str, files: dict[str, Path], tmp_path: Path) -> None:
    with Image.open(files["SAMPLE"]) as image:
        image.convert(mode).save(files["SAMPLE"])
    figure = tmp_path / "f.png"
    assert run(*named("texture-grow", files), "-o", figure).exit_code == 0
    picture = np.asarray(Image.open(figure))
    assert (mode == "P") or (picture == picture[..., :1]).all()


def test_a_transparent_sample_is_laid_over_white(files: dict[str, Path], tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (200, 0, 0, 0)).save(files["SAMPLE"])
    figure = tmp_path / "f.png"
    assert run(*named("texture-grow", files), "-o", figure).exit_code == 0
    assert (np.asarray(Image.open(figure)) == 255).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["texture-grow", "SAMPLE", "-o", "f.png"], "--size"),
        (["texture-grow", "SAMPLE", "--size", "64"], "give -o FIGURE.png"),
        (["texture-grow", "SAMPLE", "--size", "big", "-o", "f.png"], "'big' is no size"),
        (["texture-grow", "SAMPLE", "--size", "0x9", "-o", "f.png"], "'0x9' is no size"),
        (["texture-grow", "SAMPLE", "--size", "9x-4", "-o", "f.png"], "'9x-4' is no size"),
        (["texture-grow", "SAMPLE", "--size", "2", "-o", "f.png"], "3×3"),
        (["texture-grow", "SAMPLE", "--size", "64", "-o", "f.png", "--window", "8"], "as 9"),
        (["texture-grow", "SAMPLE", "--size", "64", "-o", "f.png", "--window", "27"], "smaller"),
        (["texture-grow", "SAMPLE", "--size", "900000000", "-o", "f.png"], "largest of this"),
        (["texture-grow", "SAMPLE", "--size", "64", "-o", "SAMPLE", "--overwrite"], "is an input"),
        (
            ["texture-grow", "SAMPLE", "--size", "9", "--data", "d.npz", "--save-every", "2"],
            "give -o",
        ),
        (["quilt", "SAMPLE", "-o", "f.png"], "give the --size"),
        (["quilt", "SAMPLE", "--size", "64", "-o", "f.png"], "smaller than a block of 36×36"),
        (["quilt", "SAMPLE", "--size", "8", "--block", "9", "-o", "f.png"], "less than one block"),
        (["quilt", "SAMPLE", "--size", "64", "--block", "0", "-o", "f.png"], "at least 3"),
        (["quilt", "SAMPLE", "--size", "900000000", "--block", "9", "-o", "f.png"], "largest of"),
        (["quilt", "SAMPLE", "--onto", "PHOTO", "--size", "9x8", "-o", "f.png"], "--size 8 is"),
        (["quilt", "SAMPLE", "--onto", "PHOTO", "--block", "0", "-o", "f.png"], "3 passes from"),
        (["quilt", "SAMPLE", "--onto", "PHOTO", "-o", "PHOTO", "--overwrite"], "is an input"),
    ],
)
def test_wrong_calls(
    words: list[str],
    said: str,
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(*(files.get(word, word) for word in words))
    assert sorted(tmp_path.iterdir()) == sorted(files.values())


@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_cannot_be_read(call: str, files: dict[str, Path], tmp_path: Path) -> None:
    bad = files["PHOTO" if call == "onto" else "SAMPLE"]
    bad.write_bytes(b"no image")
    words = named(call, files)
    assert str(bad) in refused(*words, "-o", tmp_path / "f.png", status=1)


@pytest.mark.parametrize("call", ["texture-grow", "quilt"])
def test_ctrl_c_writes_what_there_is(call: str, files: dict[str, Path], tmp_path: Path) -> None:
    # A shell that runs the tests in the background has them, and what they start, ignore SIGINT.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from interp.commands.main import main; main()"
    )
    figure, first = tmp_path / "f.png", tmp_path / "f-0002.png"
    words = [*named(call, files), "--size", "700", "-o", figure, "--save-every", "2"]
    line = [sys.executable, "-c", code, *map(str, words)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        while not first.exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stdout == f"wrote {figure}\n"
    gray, said = stderr.splitlines()
    assert re.fullmatch(r"\d+% of the picture is still gray", gray)
    assert re.fullmatch(r"interrupted after \w+ \d+ of \d+; what there was is written", said)
    picture, earlier = np.asarray(Image.open(figure)), np.asarray(Image.open(first))
    assert picture.shape == (700, 700, 3)
    known, still = ((image != 128).any(axis=2) for image in (earlier, picture))
    assert known.any()
    assert still[known].all()
    # Not its rims, where a later block may have been put.
    top, left = np.argwhere(known).min(axis=0)
    at = slice(top, top + 5), slice(left, left + 5)
    np.testing.assert_array_equal(picture[at], earlier[at])


@pytest.mark.parametrize("command", ["texture-grow", "quilt"])
def test_help_has_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: interp {command} " in " ".join(result.stdout.split())


def test_textures_from_patches_need_no_torch(files: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom interp.commands.main import cli\n"
        "try:\n    cli(sys.argv[1:])\nfinally:\n    print('torch' in sys.modules)"
    )
    words = [*map(str, named("quilt", files)), "-o", str(tmp_path / "f.png")]
    line = [sys.executable, "-c", code, *words]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout == f"wrote {tmp_path / 'f.png'}\nFalse\n"
