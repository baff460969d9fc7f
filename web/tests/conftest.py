"""A headless Chromium with the built page, and Python's own stylizer to compare with."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from styletransfer.inference import Stylizer
from styletransfer.web import PageServer
from web.tests.painter import REPOSITORY, Painter

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here; $CHROMIUM names one")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with PageServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.url
        server.shutdown()


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes contexts that keep nothing for each other."""
    made: list[BrowserContext] = []

    def new(**options: Any) -> BrowserContext:
        made.append(browser.new_context(**{"service_workers": "block", **options}))
        return made[-1]

    yield new
    for context in made:
        context.close()


@pytest.fixture
def painter(new_context: Callable[..., BrowserContext], url: str) -> Iterator[Painter]:
    painter = Painter(new_context().new_page(), url)
    yield painter
    assert painter.faults == []


@pytest.fixture(scope="session")
def stylizer() -> Stylizer:
    return Stylizer(REPOSITORY / "checkpoints" / "gallery.onnx", provider="cpu")
