"""Somebody at a browser who has a keyboard and no mouse."""

import time
from base64 import b64decode
from contextlib import suppress
from typing import Any

import pypdfium2

from imagesignals_pipeline_tests.evaluation.browser import Page

PATIENCE_S = 30
MOST_STOPS = 80
"""Presses of the tab key after which a place counts as out of reach."""
KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    " ": ("Space", 32, " "),
    "ArrowDown": ("ArrowDown", 40, ""),
}
"""Code, number and text of the keys that are pressed."""


class Reader(Page):
    """One tab of a browser, used by keyboard alone."""

    patience_s = PATIENCE_S

    def opens(self, url: str) -> None:
        """Type an address, and wait until its page is there."""
        self._call("Page.navigate", url=url)
        self.waits_for(f"location.href.startsWith({url!r})")

    def finds(self, expression: str) -> Any:
        """Return what an expression says of the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def reads(self) -> str:
        """Return the text of the page as it is shown."""
        return str(self.finds("document.body.innerText"))

    def narrows(self, pixels: int) -> None:
        """Make the window as wide as a phone."""
        size = {"width": pixels, "height": 700, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def prints(self) -> list[str]:
        """Print the page on A4, and return the text of each sheet."""
        printed = self._call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        with pypdfium2.PdfDocument(b64decode(printed["data"])) as document:
            return [page.get_textpage().get_text_range().strip() for page in document]

    def waits_for(self, condition: str) -> None:
        """Wait until the page has loaded and a condition holds."""
        ends = time.monotonic() + self.patience_s
        while time.monotonic() < ends:
            with suppress(RuntimeError):  # the old page has just gone
                if self.finds(f"document.readyState === 'complete' && !!({condition})"):
                    return
            time.sleep(0.05)
        raise AssertionError(f"{condition} never held; the page says: {self.reads()}")

    def presses(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            code, number, typed = KEYS[key]
            pressed = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            self._call("Input.dispatchKeyEvent", type="keyDown", text=typed, **pressed)
            self._call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def types(self, text: str) -> None:
        """Type into the field that has the focus."""
        self._call("Input.insertText", text=text)

    def tabs_to(self, selector: str) -> None:
        """Press the tab key until an element has the focus, which must then be seen."""
        for _ in range(MOST_STOPS):
            self.presses("Tab")
            if self.finds(f"document.activeElement.matches({selector!r})"):
                assert (
                    self.finds("getComputedStyle(document.activeElement).outlineStyle") == "solid"
                )
                return
        raise AssertionError(f"The tab key never reaches {selector}: {self.reads()}")
