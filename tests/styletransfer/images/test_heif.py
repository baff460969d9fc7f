"""HEIC files, where the package that reads them is installed."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.images import read_image, read_size
from tests.styletransfer.images.samples import assert_near, assert_refused

FTYP = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(FTYP)
    assert_refused(tmp_path / "a.heic", "pillow-heif", "install", "JPEG")


@pytest.mark.parametrize("orientation", [1, 6])
def test_with_the_package(tmp_path: Path, orientation: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is an optional extra")
    stored = np.zeros((64, 96, 3), np.uint8)
    stored[:, :48] = (200, 100, 50)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    path = tmp_path / "a.heic"
    try:
        pillow_heif.from_pillow(Image.fromarray(stored)).save(path, quality=90, exif=exif.tobytes())
    except RuntimeError:
        pytest.skip("this pillow-heif cannot encode")
    assert_near(read_image(path).rgb, stored if orientation == 1 else np.rot90(stored, -1), 12)
    assert sorted(read_size(path)) == [64, 96]
    assert read_image(path).notes == ()
    assert min(read_image(path, short_side=16).rgb.shape[:2]) == 16
    path.write_bytes(path.read_bytes()[:300])
    assert_refused(path, "cut short")
