"""The page in a headless Chromium: first painting, repeated paintings, the camera, its size.

- first painting: from the start of loading to the painting of the sample, each time in a new
  browser profile; loading the runtime and the network included;
- again: from the choice of another style to the painting of a picture of 512×512 pixels;
- the camera: frames a second and their size, after `WATCHED` seconds;
- the size of the page itself, compressed, without the runtime, the network and the photograph.

It runs in WebAssembly with the threads of this machine. Run, after `make web`:

    python benchmarks/page.py
"""

import io
import statistics
import threading
import time

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from styletransfer.web import PageServer
from web.tests.conftest import CHROMIUM, FLAGS
from web.tests.painter import SAMPLE, Painter
from web.tests.test_page import page_bytes

RUNS = 7
SIDE = 512
WATCHED = 10


def first_painting(browser: Browser, url: str) -> float:
    """Return the seconds from the start of loading to the painting of the sample."""
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(".painted")
    seconds = time.perf_counter() - start
    context.close()
    return seconds


def again(browser: Browser, url: str) -> float:
    """Return the median seconds from the choice of a style to its painting of `SIDE`² pixels."""
    buffer = io.BytesIO()
    Image.open(SAMPLE).resize((SIDE, SIDE)).save(buffer, "PNG")
    context = browser.new_context(service_workers="block")
    painter = Painter(context.new_page(), url).open()
    painter.give({"name": "square.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    painter.page.wait_for_function("!document.querySelector('#styles canvas:not(.fresh)')")
    seconds = []
    for number in range(2, 2 + RUNS):
        start = time.perf_counter()
        painter.page.locator("#styles input").nth(number).check(force=True)
        painter.settle()
        seconds.append(time.perf_counter() - start)
    context.close()
    return statistics.median(seconds)


def camera(browser: Browser, url: str) -> str:
    """Return what the page says of its speed after `WATCHED` seconds."""
    context = browser.new_context(service_workers="block", permissions=["camera"])
    painter = Painter(context.new_page(), url).open()
    painter.page.click("#camera")
    painter.page.wait_for_timeout(1000 * WATCHED)
    said = painter.text("#speed")
    context.close()
    return said


def main() -> None:
    with PageServer() as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        first = [first_painting(browser, server.url) for _ in range(RUNS)]
        print(f"first painting   {statistics.median(first):.2f} s (worst {max(first):.2f} s)")
        print(f"{SIDE} x {SIDE} again  {again(browser, server.url):.2f} s")
        print(f"camera           {camera(browser, server.url)}")
        print(f"the page itself  {page_bytes() / 1000:.1f} kB compressed")
        server.shutdown()


if __name__ == "__main__":
    main()
