"""Every file of a folder, against what Pillow makes of it, from any current folder.

Made for Pillow's own test images, which come with its source distribution (Tests/images):
IMAGE_CORPUS=FOLDER pytest tests/styletransfer/images/test_corpus.py
"""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from styletransfer.errors import ImageError
from styletransfer.images import READABLE, Picture, read_image

CORPUS = os.environ.get("IMAGE_CORPUS")
FILES = sorted(path for path in Path(CORPUS).rglob("*") if path.is_file()) if CORPUS else []


@pytest.mark.skipif(not FILES, reason="IMAGE_CORPUS names no folder of image files")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_the_corpus(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = path.absolute()
    monkeypatch.chdir("/")
    picture = read(path)
    monkeypatch.chdir(path.parent)
    again = read(Path(path.name))
    assert (picture is None) == (again is None)
    expected = decoded_by_pillow(path)
    if picture is None or again is None:
        assert expected is None or expected.format not in (*READABLE, "MPO")
        return
    assert np.array_equal(picture.rgb, again.rgb)
    if expected is None or not is_plain(expected):
        return
    upright = np.asarray(ImageOps.exif_transpose(expected).convert("RGBA"))
    alpha = np.full(upright.shape[:2], 255) if picture.alpha is None else picture.alpha
    assert np.array_equal(alpha, upright[..., 3])
    assert np.array_equal(picture.rgb[alpha > 0], upright[alpha > 0][:, :3])


def read(path: Path) -> Picture | None:
    try:
        return read_image(path)
    except ImageError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        return None


def decoded_by_pillow(path: Path) -> Image.Image | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as image:
                image.load()
        except Exception:
            return None
    return image


def is_plain(image: Image.Image) -> bool:
    """Whether its 8-bit samples are its colors: other kinds have tests of their own."""
    plain = image.mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
    color = {"icc_profile", "gamma"} & set(image.info)
    return plain and not color and not (image.mode in ("L", "RGB") and "transparency" in image.info)
