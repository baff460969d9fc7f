"""Live painting of the camera, which Chromium plays."""

from collections.abc import Callable

import numpy as np
from playwright.sync_api import BrowserContext

from web.tests.painter import Painter


def test_the_camera_is_painted_live_frozen_and_downloaded(
    new_context: Callable[..., BrowserContext], url: str
) -> None:
    context = new_context(permissions=["camera"])
    painter = Painter(context.new_page(), url).open()
    page = painter.page
    page.click("#camera")
    page.wait_for_function(
        "document.getElementById('speed').textContent.includes('frames a second')"
    )
    first = painter.pixels()
    page.wait_for_timeout(1500)
    later = painter.pixels()
    assert first.shape != later.shape or not np.array_equal(first, later)
    assert painter.text("#camera") == "Freeze"

    with page.expect_download() as download:
        page.click("#png")
    assert download.value.suggested_filename.startswith("camera-")

    page.click("#camera")
    page.wait_for_function("!document.getElementById('camera').classList.contains('live')")
    painter.settle()
    assert painter.text("#camera") == "Camera"
    assert "painted in" in painter.text("#status")
    still = painter.pixels("photograph")
    page.wait_for_timeout(500)
    assert np.array_equal(still, painter.pixels("photograph"))
    assert painter.pixels().shape == (576, 1024, 4)  # of the 1280 × 720 that was asked for
    assert still.shape[1] > first.shape[1]
    assert (painter.alert, painter.faults) == ("", [])


def test_the_size_goes_down_until_the_speed_is_held(
    new_context: Callable[..., BrowserContext], url: str
) -> None:
    """The worker is made slow, so that the first size cannot hold the speed."""
    painter = Painter(new_context(permissions=["camera"]).new_page(), url)
    painter.page.add_init_script(
        """const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (request, ...rest) {
            const wait = request.frame ? request.width * request.height / 100 : 0;
            setTimeout(() => post.call(this, request, ...rest), wait);
        };"""
    )
    painter.open()
    painter.page.click("#camera")
    painter.page.wait_for_selector("#speed:not(:empty)")
    first = painter.pixels().shape[1]
    painter.page.wait_for_timeout(4000)
    assert painter.pixels().shape[1] < first
    painter.page.click("#camera")
    painter.settle()


def test_a_refused_camera_is_told(painter: Painter) -> None:
    painter.page.add_init_script(
        "navigator.mediaDevices.getUserMedia ="
        " () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    painter.open()
    before = painter.pixels()
    painter.page.click("#camera")
    painter.page.wait_for_selector("#alert:not([hidden])")
    assert painter.alert.startswith("The camera was refused; allow it")
    assert painter.text("#camera") == "Camera"
    assert np.array_equal(painter.pixels(), before)


def test_a_machine_without_a_camera_is_told(painter: Painter) -> None:
    painter.page.add_init_script(
        "navigator.mediaDevices.getUserMedia ="
        " () => Promise.reject(new DOMException('none', 'NotFoundError'))"
    )
    painter.open()
    painter.page.click("#camera")
    painter.page.wait_for_selector("#alert:not([hidden])")
    assert painter.alert == "No camera was found."
