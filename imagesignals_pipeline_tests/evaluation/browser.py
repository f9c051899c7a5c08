"""Receipts -> pictures, rendered by one headless Chromium over its DevTools protocol."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from websockets.sync.client import ClientConnection, connect

from imagesignals_pipeline_tests.evaluation.receipts import Device, Receipt

PACKAGES = (
    "chromium fonts-noto-core fonts-noto-color-emoji fonts-noto-mono fonts-roboto fonts-open-sans "
    "fonts-liberation fonts-dejavu-core fonts-lato fonts-inter fonts-cantarell fonts-karla "
    "fonts-manrope fonts-cabin fonts-play fonts-dosis fonts-paratype fonts-crosextra-carlito "
    "fonts-hack"
)
"""Debian packages that rendering needs."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-lcd-text",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)

PAGES = Path(__file__).with_name("html")


class BrowserMissingError(Exception):
    """There is no Chromium on this machine; the message says what to install."""


def executable() -> str:
    """Return the path of Chromium.

    Raises:
        BrowserMissingError: It is not installed.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise BrowserMissingError(f"Chromium is missing: apt-get install -y {PACKAGES}")


def version() -> str:
    """Return what Chromium calls itself: another one draws other pixels."""
    answer = subprocess.run([executable(), "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


class Page:
    """One tab of the browser, driven by commands of the DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._session: str | None = None
        self._sent = 0
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._frame = self._call("Page.getFrameTree")["frameTree"]["frame"]["id"]

    def png(self, html: str, device: Device) -> bytes:
        """Render a document on a screen and return the screenshot."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=device.width,
            height=device.height,
            deviceScaleFactor=device.scale,
            mobile=False,
        )
        self._call("Page.setDocumentContent", frameId=self._frame, html=html)
        self._call("Runtime.evaluate", expression="document.fonts.ready", awaitPromise=True)
        shot = self._call("Page.captureScreenshot", format="png", optimizeForSpeed=True)
        return base64.b64decode(shot["data"])

    def _call(self, method: str, **params: object) -> dict[str, Any]:
        self._sent += 1
        message: dict[str, object] = {"id": self._sent, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._sent:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]


class Studio:
    """One browser for each scale of a screen; a context manager that ends them.

    A browser that changed its scale would keep glyphs hinted for the old one, so that the same
    receipt came out differently the second time.
    """

    def __init__(self) -> None:
        self._open = ExitStack()
        self._pages: dict[float, Page] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def render(self, receipt: Receipt) -> bytes:
        """Return the receipt's screenshot as PNG: the same bytes every time."""
        device = receipt.resident.device
        if device.scale not in self._pages:
            flag = f"--force-device-scale-factor={device.scale}"
            self._pages[device.scale] = Page(self._open.enter_context(connected(flag)))
        return self._pages[device.scale].png(document(receipt), device)


@contextmanager
def connected(*flags: str) -> Generator[ClientConnection]:
    """Start a browser of our own and speak with it; it ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [executable(), *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                address = _address(process)
                with connect(address, max_size=None, proxy=None) as socket:
                    yield socket
            finally:
                process.kill()


def document(receipt: Receipt) -> str:
    """Return the receipt's HTML."""
    template = receipt.template
    return _ENVIRONMENT.get_template(f"{template.half}/{template.name}.html").render(
        receipt=receipt,
        who=receipt.resident,
        payment=receipt.payment,
        squares=squares,
    )


def rupees(paise: int) -> str:
    """Write an amount with Indian grouping.

    >>> rupees(12_345_650)
    '1,23,456.50'
    """
    whole, rest = divmod(paise, 100)
    head, tail = f"{whole}"[:-3], f"{whole}"[-3:]
    groups = re.findall(r"\d{1,2}(?=(?:\d\d)*$)", head)
    return f"{','.join([*groups, tail])}.{rest:02}"


def squares(text: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the dark cells of a pattern that looks like a QR code and depends on its text."""
    value = text * 0x9E3779B97F4A7C15F39CC0605CEDC835 + 0x2545F4914F6CDD1D
    for cell in range(size * size):
        value = (value * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        column, row = cell % size, cell // size
        corner = min(column, size - 1 - column) < 8 and min(row, size - 1 - row) < 8
        if corner and not (column > size // 2 and row > size // 2):
            inner = max(abs(_corner(column, size) - 3), abs(_corner(row, size) - 3))
            dark = inner in {0, 1, 3}
        else:
            dark = value >> 63 == 1
        if dark:
            yield column, row


def _corner(position: int, size: int) -> int:
    return position if position < size // 2 else size - 1 - position


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"ws://\S+", line):
            return found[0]
    raise RuntimeError("Chromium ended before it said where it listens")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["rupees"] = rupees
    return environment


_ENVIRONMENT = _environment()
