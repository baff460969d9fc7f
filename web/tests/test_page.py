"""The page as a whole: its size, its manners, and who can use it."""

import functools
import gzip
import io
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext

from styletransfer.inference import Stylizer
from styletransfer.web.server import PAGE
from web.tests.painter import REPOSITORY, SAMPLE, Painter, greatest_difference

AXE = REPOSITORY / "web" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# The photograph, the network and what runs it: the page is what is left.
PAYLOAD = (".onnx", ".wasm", ".mjs", ".jpg")


def page_bytes() -> int:
    """The bytes of the page, compressed, without its payload."""
    parts = [
        path
        for path in PAGE.rglob("*")
        if path.is_file() and path.suffix not in PAYLOAD and not path.name.startswith("ort.")
    ]
    return sum(len(gzip.compress(path.read_bytes())) for path in parts)


def test_the_page_itself_is_small() -> None:
    assert page_bytes() <= 60_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_violation(
    new_context: Callable[..., BrowserContext], url: str, scheme: str, viewport: dict[str, int]
) -> None:
    page = new_context(color_scheme=scheme, viewport=viewport, bypass_csp=True).new_page()
    painter = Painter(page, url).open("#second=udnie")
    page.wait_for_function("!document.querySelector('#styles canvas:not(.fresh)')")
    page.click("summary")
    painter.give({"name": "letter.txt", "mimeType": "text/plain", "buffer": b"no image"})
    page.wait_for_timeout(400)  # until what fades in has faded in
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run()")
    assert [rule["id"] for rule in found["violations"]] == []
    assert len(found["passes"]) > 20


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1440])
def test_no_width_needs_sideways_scrolling(
    new_context: Callable[..., BrowserContext], url: str, width: int
) -> None:
    painter = Painter(new_context(viewport={"width": width, "height": 800}).new_page(), url).open()
    assert painter.page.evaluate("document.documentElement.scrollWidth") <= width
    frame = painter.page.locator("#frame").bounding_box()
    assert frame is not None
    assert frame["width"] >= min(width, 640) * 0.6
    assert frame["width"] / frame["height"] == pytest.approx(640 / 427, rel=0.01)


def test_everything_works_by_keyboard(painter: Painter, stylizer: Stylizer) -> None:
    page = painter.open().page
    page.focus("#divider")
    page.keyboard.press("Home")
    assert page.get_attribute("#divider", "aria-valuenow") == "0"
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#divider", "aria-valuenow") == "12"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    painter.settle()
    assert f"style={stylizer.styles[2]}" in page.url
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    painter.settle()
    assert page.input_value("#strength") == "99"
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert reached[:7] == ["second", "colors", "size", "png", "jpeg", "copy", "link"]


def test_the_divider_is_dragged(painter: Painter) -> None:
    page = painter.open().page
    frame = page.locator("#frame").bounding_box()
    assert frame is not None
    middle = frame["y"] + frame["height"] / 2
    page.mouse.move(frame["x"] + frame["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] / 4, middle, steps=4)
    page.mouse.up()
    assert abs(int(page.get_attribute("#divider", "aria-valuenow") or "") - 25) <= 1
    page.mouse.move(frame["x"] + frame["width"] / 4, middle)
    page.mouse.down()
    page.mouse.move(frame["x"] - 300, middle, steps=3)
    page.mouse.up()
    assert page.get_attribute("#divider", "aria-valuenow") == "0"


def test_the_page_answers_while_it_paints(painter: Painter) -> None:
    """Frames are drawn while a large painting is under way, and the next one is not waited for."""
    buffer = io.BytesIO()
    Image.open(SAMPLE).resize((2400, 1600)).save(buffer, "JPEG")
    painter.open()
    painter.give({"name": "large.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    busy = painter.page.evaluate(
        """async () => {
            const size = document.getElementById('size');
            size.value = size.options[size.options.length - 1].value;
            size.dispatchEvent(new Event('change'));
            for (let frames = 0; frames < 5; frames++) await new Promise(requestAnimationFrame);
            return document.getElementById('frame').getAttribute('aria-busy');
        }"""
    )
    assert busy == "true"
    painter.change("#size", "256")
    assert painter.pixels().shape == (171, 256, 4)


def test_nothing_leaves_the_page(new_context: Callable[..., BrowserContext], url: str) -> None:
    painter = Painter(new_context().new_page(), url)
    asked: list[tuple[str, str]] = []
    painter.page.on("request", lambda request: asked.append((request.method, request.url)))
    painter.open().give(SAMPLE)
    strange = [
        (method, address)
        for method, address in asked
        if method != "GET" or not address.startswith((url, "blob:", "data:"))
    ]
    assert strange == []


def test_the_page_works_without_a_network_after_the_first_visit(
    new_context: Callable[..., BrowserContext], url: str
) -> None:
    context = new_context(service_workers="allow")
    first = Painter(context.new_page(), url).open()
    first.page.wait_for_function(
        "navigator.serviceWorker.ready.then(() => !!navigator.serviceWorker.controller)"
    )
    painted = first.pixels()
    first.page.close()
    context.set_offline(True)
    second = Painter(context.new_page(), url).open()
    assert np.array_equal(second.pixels(), painted)
    assert second.page.evaluate("crossOriginIsolated")


class _Plain(SimpleHTTPRequestHandler):
    """A server without the headers that threads need."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_without_the_headers_it_paints_with_one_thread_and_says_so(
    new_context: Callable[..., BrowserContext], stylizer: Stylizer
) -> None:
    handler = functools.partial(_Plain, directory=str(PAGE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        painter = Painter(new_context().new_page(), url).open()
        painter.page.click("summary")
        said = painter.text("#engine")
        assert "one thread: the server sends no isolation headers, so painting is slower" in said
        expected = stylizer(np.asarray(painter.pixels("photograph")[..., :3]), stylizer.styles[1])
        assert greatest_difference(painter.pixels()[..., :3], expected) <= 2
        server.shutdown()


def test_a_webgpu_that_fails_gives_way_to_webassembly(painter: Painter) -> None:
    painter.page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'gpu', {get: () => ({}), configurable: true})"
    )
    painter.open("?engine=webgpu")
    painter.page.click("summary")
    assert painter.text("#engine").startswith("WebAssembly, ")


def test_a_network_that_cannot_be_loaded_is_told(painter: Painter) -> None:
    painter.page.route("**/*.onnx", lambda route: route.fulfill(status=404))
    painter.page.goto(painter.url)
    painter.page.wait_for_selector("#alert:not([hidden])")
    assert "cannot load the network" in painter.alert
    assert painter.text("#status") == "The network did not load."
