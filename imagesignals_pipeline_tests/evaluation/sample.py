"""A few small receipts kept in the repository, for tests on machines without a browser.

`python -m imagesignals_pipeline_tests.evaluation.sample` draws them anew.
"""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from imagesignals_pipeline_tests.evaluation import browser
from imagesignals_pipeline_tests.evaluation.alterations import upright
from imagesignals_pipeline_tests.evaluation.catalogue import TEMPLATES
from imagesignals_pipeline_tests.evaluation.receipts import Device, Receipt, receipts_of

DIRECTORY = Path(__file__).with_name("sample")

DEVICES = {
    "paynest": Device(360, 720, 1.5),
    "harbour_sms": Device(360, 720, 1.5),
    "hindi_app": Device(360, 720, 1.5),
    "rupia_share": Device(400, 660, 1),
    "counter_slip": Device(360, 600, 1.5),
    "ledger_desktop": Device(1000, 560, 1),
    "advice_page": Device(794, 1123, 1),
}
"""Templates of the tune half, on small screens."""

CHOSEN = (0, 1, 15, 16)
"""Of each: two months of one flat, and two months of another's standing order."""


@dataclass(frozen=True, slots=True)
class SampleReceipt:
    """One receipt: its name (template and number), its file and its pixels.

    Receipts with the same `series` are one flat's look-alikes.
    """

    name: str
    series: str
    content: bytes
    picture: Image.Image


def load() -> list[SampleReceipt]:
    """Read the receipts, in order of their names."""
    return [_read(path) for path in sorted(DIRECTORY.glob("*.webp"))]


def draw(directory: Path = DIRECTORY) -> None:
    """Render them.

    Raises:
        browser.BrowserMissingError: There is no Chromium.
    """
    directory.mkdir(exist_ok=True)
    with browser.Studio() as studio:
        for name, receipt in _chosen():
            picture, sink = upright(Image.open(io.BytesIO(studio.render(receipt)))), io.BytesIO()
            picture.save(sink, "WEBP", lossless=True, quality=100, method=6)
            (directory / f"{name}.webp").write_bytes(sink.getvalue())


def _chosen() -> Iterator[tuple[str, Receipt]]:
    for template in TEMPLATES["tune"]:
        if device := DEVICES.get(template.name):
            receipts = list(receipts_of(template))
            for number in CHOSEN:
                resident = replace(receipts[number].resident, device=device, zoom=0.9)
                yield f"{template.name}-{number:02}", replace(receipts[number], resident=resident)


def _read(path: Path) -> SampleReceipt:
    content, (template, number) = path.read_bytes(), path.stem.rsplit("-", 1)
    series = "months" if int(number) in CHOSEN[:2] else "standing order"
    picture = upright(Image.open(io.BytesIO(content)))
    return SampleReceipt(path.stem, f"{template} {series}", content, picture)


if __name__ == "__main__":
    try:
        draw()
    except browser.BrowserMissingError as missing:
        sys.exit(str(missing))
