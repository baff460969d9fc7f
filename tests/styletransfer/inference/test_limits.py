"""A process takes no more memory than it was allowed, or says what is the least that does."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import RequestError
from styletransfer.inference.limits import parse_bytes, size_text
from tests.assets import shipped
from tests.styletransfer.peak import CAN_MEASURE, peak_of


@pytest.mark.skipif(not CAN_MEASURE, reason="needs Linux's measure")
@pytest.mark.parametrize("size", [(1600, 1600), (8000, 250), (250, 8000)])
def test_a_picture_of_any_shape_keeps_to_the_least(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = tmp_path / "photo.bmp"  # a file that cannot be streamed
    coarse = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    Image.fromarray(coarse).resize(size).save(photo)
    call = ["stylize", photo, "-o", tmp_path / "out.png", "--style", "udnie"]
    call += ["--model", shipped("gallery.onnx"), "--memory"]
    refused, _ = peak_of(*call, "100MB")
    assert refused.returncode == 1
    least = re.search(r"--memory (\S+),", refused.stderr)
    assert least is not None
    done, peak = peak_of(*call, least[1])
    assert done.returncode == 0
    assert re.fullmatch(r"\S+: takes \d+ MB of \S+ [MG]B on disk in \S+ for a while\n", done.stderr)
    assert peak <= parse_bytes(least[1])


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 MB"),
        (1, "1 MB"),
        (2_000_001, "3 MB"),
        (999_000_001, "1.0 GB"),
        (1_000_000_001, "1.1 GB"),
    ],
)
def test_sizes_are_rounded_up(size: int, text: str) -> None:
    assert size_text(size) == text


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
