"""The command as a process of its own: what it imports, and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.styletransfer.tiny_model import STYLES, tiny_model


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (9, 6), (10, 200, 90)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def python(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_runs_as_a_module(model: Path) -> None:
    line = [sys.executable, "-m", "styletransfer", "styles", "--model", str(model)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n".join(STYLES) + "\n", "")


def test_importing_the_command_is_light() -> None:
    heavy = "('numpy', 'PIL', 'onnxruntime', 'tqdm', 'torch')"
    done = python(
        f"import sys, styletransfer.commands.main; print([n for n in {heavy} if n in sys.modules])"
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_run_in_a_pipe_has_no_torch_and_no_bar(model: Path, photo: Path, tmp_path: Path) -> None:
    code = (
        "import sys, atexit\n"
        "names = ('torch', 'tqdm', 'PIL.ImageFont', 'onnxruntime')\n"
        "atexit.register(lambda: print([name in sys.modules for name in names]))\n"
        "from styletransfer.commands.main import main\n"
        "main()"
    )
    out = tmp_path / "out"
    done = python(code, "stylize", photo, "-o", out, "--style", "udnie", "--model", model)
    assert done.returncode == 0
    assert done.stdout == f"wrote 1 picture to {out}/\n[False, False, False, True]\n"
    assert done.stderr == ""


def test_interrupted(model: Path, photo: Path, tmp_path: Path) -> None:
    second, out = tmp_path / "second.png", tmp_path / "out"
    second.write_bytes(photo.read_bytes())
    # A shell that runs the tests in the background has them, and what they start, ignore SIGINT.
    code = (
        "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from styletransfer.inference import work\n"
        "read_image = work.read_image\n"
        "def read(path, **options):\n"
        "    if path.name == 'second.png': os.kill(os.getpid(), signal.SIGINT)\n"
        "    return read_image(path, **options)\n"
        "work.read_image = read\n"
        "from styletransfer.commands.main import main; main()"
    )
    words = ("stylize", photo, second, "-o", out, "--style", "udnie", "--model", model)
    process = python(code, *words)
    assert process.returncode == 130
    assert process.stdout == ""
    assert process.stderr == "Error: interrupted; the pictures written so far are whole\n"
    assert [path.name for path in out.iterdir()] == ["photo.png"]


def test_style_names_reach_the_terminal_without_its_codes(tmp_path: Path) -> None:
    names = ["identity", "\x1b[31mred", "two\nlines", "plain"]
    model = tiny_model(tmp_path / "m.onnx", styles=names)
    code = "from styletransfer.commands.main import main; main()"
    done = python(code, "styles", "--model", model)
    assert done.stdout == "identity\n\\x1b[31mred\ntwo lines\nplain\n"
