"""The pictures of Dagster's UI in `docs/`, taken anew from one that runs.

.venv/bin/imagesignals demo && .venv/bin/imagesignals dev --demo
.venv/bin/python -m imagesignals_pipeline_tests.story.pictures --month 2026-08
"""

from pathlib import Path

import click

from imagesignals_pipeline import settings
from imagesignals_pipeline_tests.evaluation import browser
from imagesignals_pipeline_tests.story.mouse import Mouse

SIGNALS = "/assets/payment_image_signals"
READS = "document.body.innerText.includes('{}')"
PLOTTED = "document.querySelector('canvas') && " + READS.format("Succeeded")
GRAPH, PAGE, LONG_PAGE = (2000, 500), (1400, 800), (1400, 1040)
"""Sizes of the window: the graph shows what became of an asset only where there is room."""
NAMES = ("ui-assets.png", "ui-month.png", "ui-checks.png")


def take(mouse: Mouse, home: str, month: str, folder: Path) -> None:
    """Keep the asset graph, a month with what was not analysed, and a check with its plots."""
    pages = (
        (GRAPH, "/asset-groups", READS.format("Materialized")),
        (PAGE, f"{SIGNALS}?view=partitions&partition={month}", READS.format("what to do")),
        (LONG_PAGE, f"{SIGNALS}?view=checks&checkDetail=failure_rate", PLOTTED),
    )
    for name, (size, path, condition) in zip(NAMES, pages, strict=True):
        mouse.sized(*size)
        mouse.opens(home + path)
        mouse.waits_for(condition)
        mouse.keeps(folder / name)


@click.command(help=__doc__)
@click.option("--home", default="http://127.0.0.1:3000", show_default=True)
@click.option("--month", required=True, help="One in which something failed or was skipped.")
def main(home: str, month: str) -> None:
    """Write the pictures into `docs/`."""
    with browser.connected("--force-device-scale-factor=1") as socket:
        take(Mouse(socket), home, month, settings.ROOT / "docs")


if __name__ == "__main__":
    main()
