"""Files of every kind, good and bad: what is painted, and what is said."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext

from styletransfer.images import read_image
from styletransfer.inference import Stylizer
from tests.styletransfer.tiny_model import expected, tiny_model
from web.tests.painter import SAMPLE, Painter, greatest_difference

LEVELS = 2


def given(name: str, content: bytes, kind: str = "image/png") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": content}


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_rotated_jpeg_stands_upright(
    painter: Painter, stylizer: Stylizer, tmp_path: Path
) -> None:
    path = tmp_path / "rotated.jpg"
    sample = Image.open(SAMPLE).resize((96, 64))
    exif = Image.Exif()
    exif[0x0112] = 6
    sample.save(path, quality=95, exif=exif)
    painter.open().give(path)
    upright = read_image(path).rgb
    assert upright.shape == (96, 64, 3)
    assert greatest_difference(painter.pixels("photograph")[..., :3], upright) <= LEVELS
    painted = stylizer(upright, stylizer.styles[1])
    assert greatest_difference(painter.pixels()[..., :3], painted) <= LEVELS


def test_a_png_keeps_its_transparency(painter: Painter, stylizer: Stylizer, tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    image = Image.open(SAMPLE).resize((128, 96))
    alpha = np.full((96, 128), 255, np.uint8)
    alpha[60:, 60:] = 128
    image.putalpha(Image.fromarray(alpha))
    image.save(path)
    painter.open().give(path)
    painted = painter.pixels()
    assert np.array_equal(painted[..., 3], alpha)
    picture = read_image(path)
    difference = np.abs(painted[..., :3].astype(int) - stylizer(picture.rgb, stylizer.styles[1]))
    # A canvas keeps colors times their opacity, so half of it costs half a level.
    assert difference.mean() <= 2


def test_what_transparency_hides_has_no_effect(painter: Painter, tmp_path: Path) -> None:
    visible = np.asarray(Image.open(SAMPLE).resize((96, 64)))
    alpha = np.full((64, 96, 1), 255, np.uint8)
    alpha[:, 48:] = 0
    paintings = []
    painter.open()
    for hidden in (0, 255):
        colors = np.where(alpha == 0, np.uint8(hidden), visible)
        image = Image.fromarray(np.concatenate([colors, alpha], axis=2))
        painter.give(given("hidden.png", png(image)))
        paintings.append(painter.pixels())
    assert np.array_equal(*paintings)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (700, 3)])
def test_thin_and_tiny_photographs(
    painter: Painter, stylizer: Stylizer, size: tuple[int, int]
) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    painter.open().give(given("thin.png", png(Image.fromarray(colors))))
    assert painter.alert == ""
    painted = stylizer(colors, stylizer.styles[1])
    assert painter.pixels()[..., :3].shape == painted.shape
    # The maps of one pixel are constant, and the norms enlarge mere rounding.
    if size != (1, 1):
        assert greatest_difference(painter.pixels()[..., :3], painted) <= LEVELS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.jpg", SAMPLE.read_bytes()[:300]),
        ("letter.txt", b"Dear Sir or Madam"),
        ("empty.png", b""),
    ],
)
def test_what_is_no_image_is_told_in_one_line(painter: Painter, name: str, content: bytes) -> None:
    before = painter.open().pixels()
    painter.give(given(name, content))
    assert painter.alert.startswith(f"{name} is not an image that this browser can read; use ")
    assert "\n" not in painter.alert
    assert np.array_equal(painter.pixels(), before)
    painter.page.click("#alert-close")
    assert painter.alert == ""


def test_100_megapixels_are_painted_smaller_and_that_is_said(painter: Painter) -> None:
    painter.open().give(given("vast.png", png(Image.new("L", (12500, 8000), 90))))
    assert painter.alert == ""
    assert painter.pixels().shape == (655, 1024, 4)
    assert painter.text("#status").startswith("1024 × 655, painted in")
    sizes = painter.page.eval_on_selector_all("#size option", "all => all.map(o => o.text)")
    assert "2048 × 1311" in sizes
    largest = [int(side) for side in sizes[-1].split(" × ")]
    assert largest[0] * largest[1] < 40e6


def test_the_largest_size_says_what_the_limit_is(painter: Painter, tmp_path: Path) -> None:
    # A network that says it takes much memory, so the limit is low.
    model = tiny_model(tmp_path / "hungry.onnx", metadata={"styletransfer.bytes_per_pixel": "3000"})
    painter.open().give(model)
    painter.give(given("large.png", png(Image.new("RGB", (2000, 1000), (200, 30, 60)))))
    largest = painter.page.eval_on_selector("#size", "list => list.options[list.length - 1].value")
    painter.change("#size", largest)
    height, width = painter.pixels().shape[:2]
    assert 0.95 * 400_000 < width * height <= 400_000
    said = f"{width} × {height} of 2000 × 1000, the most that fits in memory here"
    assert painter.text("#status").startswith(said)


def test_another_model_brings_its_styles(painter: Painter, tmp_path: Path) -> None:
    painter.open("#style=udnie&strength=50").give(tiny_model(tmp_path / "mine.onnx"))
    assert painter.alert == ""
    names = painter.page.eval_on_selector_all("#styles input", "all => all.map(i => i.value)")
    assert names == ["the_scream", "udnie", "starry_night"]
    image = np.asarray(read_image(SAMPLE).rgb, np.float32).transpose(2, 0, 1)[None] / 255
    row = np.array([[0.5, 0, 0.5, 0]], np.float32)
    painted = np.rint(expected(image, row)[0].transpose(1, 2, 0) * 255)
    assert greatest_difference(painter.pixels()[..., :3], painted) <= 1
    painter.page.click("summary")
    assert "3 styles, network tiny, trained on nothing." in painter.text("#about")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"without": ["styletransfer.styles"]}, "it lacks metadata styletransfer.styles"),
        ({"names": ("x", "style_weights", "stylized")}, "it lacks input image"),
        ({"names": ("image", "style_weights", "y")}, "it lacks output stylized"),
        ({"metadata": {"styletransfer.format": "2"}}, "has format 2, and this page reads only 1"),
        ({"metadata": {"styletransfer.styles": '["a"]'}}, "has no JSON list of different names"),
    ],
)
def test_a_foreign_model_is_refused_in_one_line(
    painter: Painter, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    before = painter.open().pixels()
    painter.give(tiny_model(tmp_path / "other.onnx", **change))
    assert painter.alert.startswith("other.onnx ")
    assert said in painter.alert
    assert "\n" not in painter.alert
    painter.change("#strength", "99").change("#strength", "100")
    assert np.array_equal(painter.pixels(), before)


@pytest.mark.parametrize("content", [b"", b"no protobuf at all", bytes(range(256)) * 9, b"\x08"])
def test_what_is_no_onnx_file_is_refused_in_one_line(painter: Painter, content: bytes) -> None:
    before = painter.open().pixels()
    painter.give(given("junk.onnx", content, "application/octet-stream"))
    assert painter.alert.startswith("junk.onnx is not ")
    assert np.array_equal(painter.pixels(), before)


def test_a_photograph_is_dropped_or_pasted(painter: Painter) -> None:
    painter.open()
    for kind, size in (("drop", 40), ("paste", 50)):
        content = list(png(Image.new("RGB", (size, 30), (10, 200, 90))))
        painter.page.evaluate(
            """([kind, content]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(content)], 'a.png', {type: 'image/png'}));
                dispatchEvent(kind === 'drop'
                    ? new DragEvent('drop', {dataTransfer: data, cancelable: true})
                    : new ClipboardEvent('paste', {clipboardData: data}));
            }""",
            [kind, content],
        )
        painter.settle()
        assert painter.pixels().shape == (30, size, 4)


def test_downloads_hold_what_is_shown(painter: Painter, stylizer: Stylizer) -> None:
    style = stylizer.styles[1]
    shown = painter.open().pixels()[..., :3]
    for button, name, bound in (("#png", "png", 0), ("#jpeg", "jpg", 12)):
        with painter.page.expect_download() as download:
            painter.page.click(button)
        assert download.value.suggested_filename == f"china-{style}.{name}"
        saved = np.asarray(Image.open(download.value.path()).convert("RGB"))
        assert np.abs(saved.astype(int) - shown).mean() <= bound


def test_the_picture_and_the_link_are_copied(
    new_context: Callable[..., BrowserContext], url: str
) -> None:
    context = new_context(permissions=["clipboard-read", "clipboard-write"])
    painter = Painter(context.new_page(), url).open()
    painter.page.click("#copy")
    painter.page.wait_for_function("document.getElementById('status').textContent.includes('clip')")
    kinds = painter.page.evaluate("navigator.clipboard.read().then(items => items[0].types)")
    assert kinds == ["image/png"]
    painter.page.click("#link")
    painter.page.wait_for_function("document.getElementById('status').textContent.includes('link')")
    assert painter.page.evaluate("navigator.clipboard.readText()") == painter.page.url
    assert painter.alert == ""
