"""One tab of the browser with the page, and what its pictures are compared with."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "web" / "src" / "sample.jpg"
PATIENCE = 60_000  # milliseconds: the machine may be busy

# Reads a canvas as base64, which is quicker to hand over than a list of numbers.
READ = """id => {
    const canvas = document.getElementById(id);
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let text = '';
    for (let i = 0; i < data.length; i += 8192)
        text += String.fromCharCode(...data.subarray(i, i + 8192));
    return [canvas.height, canvas.width, btoa(text)];
}"""


class Painter:
    """One tab with the page, driven as a user would."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def open(self, words: str = "") -> "Painter":
        """Open the page with `words` at the end of its address, and wait for the painting."""
        self.page.goto(self.url + words)
        self.page.wait_for_selector(".painted")
        return self.settle()

    def settle(self) -> "Painter":
        """Wait until the newest painting is there."""
        self.page.wait_for_selector("#frame[aria-busy=false]")
        return self

    def give(self, *files: Path | dict[str, Any]) -> "Painter":
        """Choose a file, and wait until it is painted or refused."""
        self.page.set_input_files("#file", list(files))  # type: ignore[arg-type]
        return self.settle()

    def change(self, selector: str, value: str) -> "Painter":
        """Set a slider or a list of choices."""
        self.page.eval_on_selector(
            selector,
            "(field, value) => { field.value = value;"
            "for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind)) }",
            value,
        )
        return self.settle()

    def pixels(self, canvas: str = "painting") -> Any:
        """The pixels of a canvas: uint8 H×W×4."""
        height, width, text = self.page.evaluate(READ, canvas)
        data = np.frombuffer(base64.b64decode(text), np.uint8)
        return data.reshape(height, width, 4)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    @property
    def alert(self) -> str:
        """The message of what failed; empty where nothing did."""
        return self.text("#alert-text") if self.page.is_visible("#alert") else ""


def greatest_difference(one: Any, other: Any) -> int:
    """The greatest difference of two pictures, in levels."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())
