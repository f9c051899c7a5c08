"""Somebody at a browser with a mouse: Dagster's UI is made for one."""

import base64
import json
import time
from pathlib import Path

from imagesignals_pipeline_tests.story.reader import Reader

WIDTH, HEIGHT = 1280, 800
SOON_S, POLL_S = 3.0, 0.1
PLACE = """
(() => {
  const wanted = new RegExp("^(" + TEXT + ")$", "s");
  const shown = each => {
    const box = each.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(each).visibility !== 'hidden';
  };
  const found = [...document.querySelectorAll(SELECTOR)].filter(
    each => shown(each) && !each.disabled && wanted.test((each.innerText || "").trim())
  );
  if (!found.length) return null;
  const inmost = found[found.length - 1];
  inmost.scrollIntoView({block: 'center'});
  const box = inmost.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  if (!top || !(inmost.contains(top) || top.contains(inmost))) return null;
  return [box.x + box.width / 2, box.y + box.height / 2];
})()
"""


class Mouse(Reader):
    """One tab of a browser with a window of its own size."""

    patience_s = 240
    """Dagster's pages ask much of a loaded machine, and a backfill takes its time."""

    def sized(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        """Give the window a size in pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def clicks(self, selector: str, text: str = ".*", *, until: str = "true") -> None:
        """Wait for an element with a text (a pattern) to stand still, and click on its middle.

        Of several the last one counts: dialogs come after what they cover, children after parents.

        Args:
            selector: CSS.
            text: What the element reads, as a regular expression.
            until: A condition of the page; without its effect a click is made again.
        """
        place = PLACE.replace("SELECTOR", json.dumps(selector)).replace("TEXT", json.dumps(text))
        ends = time.monotonic() + self.patience_s
        while True:
            self._presses_at(*self._settled(place))
            soon = time.monotonic() + SOON_S
            while time.monotonic() < soon:
                if self.finds(f"!!({until})"):
                    return
                time.sleep(POLL_S)
            assert time.monotonic() < ends, f"{text} was in vain: {self.reads()}"

    def _settled(self, place: str) -> tuple[float, float]:
        """Return where an element is, once it no longer moves."""
        before = None
        while True:
            self.waits_for(place)
            now = self.finds(place)
            if now and now == before:
                return now[0], now[1]
            before = now
            time.sleep(POLL_S)

    def _presses_at(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def waits_to_read(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.waits_for(f"document.body.innerText.includes({json.dumps(text)})")

    def keeps(self, file: Path) -> None:
        """Save what is seen as a PNG."""
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))
