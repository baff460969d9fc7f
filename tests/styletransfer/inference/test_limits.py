"""A process takes no more memory than it was allowed, or says what is the least that does."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import RequestError
from styletransfer.inference.limits import parse_bytes
from tests.assets import shipped

# The peak of this process alone: what `resource` tells counts that of the parent, too.
CALL = """
import atexit, re
status = open("/proc/self/status")
atexit.register(lambda: print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])))
from styletransfer.commands.main import main
main()
"""


def stylize(photo: Path, memory: str, *words: object) -> subprocess.CompletedProcess[str]:
    call = ["stylize", photo, "-o", photo.with_name("out.png"), "--memory", memory, *words]
    line = [sys.executable, "-c", CALL, *map(str, call), "--model", str(shipped("gallery.onnx"))]
    return subprocess.run(line, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's measure")
@pytest.mark.parametrize("size", [(1600, 1600), (8000, 250), (250, 8000)])
def test_a_picture_of_any_shape_keeps_to_the_least(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = tmp_path / "photo.bmp"  # a file that cannot be streamed
    coarse = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    Image.fromarray(coarse).resize(size).save(photo)
    refused = stylize(photo, "100MB", "--style", "udnie")
    assert refused.returncode == 1
    least = re.search(r"--memory (\S+),", refused.stderr)
    assert least is not None
    done = stylize(photo, least[1], "--style", "udnie")
    assert done.returncode == 0
    assert re.fullmatch(r"\S+: takes \S+ GB of \S+ GB on disk in \S+ for a while\n", done.stderr)
    assert int(done.stdout.splitlines()[-1]) <= parse_bytes(least[1])


@pytest.mark.parametrize(
    ("text", "size"),
    [("800MB", 8 * 10**8), ("1.5 gb", 15 * 10**8), ("2GiB", 2 * 10**9), ("700", 700)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "0GB", "-1GB", "big", "1e9", "1.GB", "GB", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(RequestError, match="is not a size"):
        parse_bytes(text)
