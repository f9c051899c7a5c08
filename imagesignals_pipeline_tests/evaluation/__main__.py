"""`python -m imagesignals_pipeline_tests.evaluation`: builds the set and judges the matchers."""

import sys
import time
from pathlib import Path
from typing import get_args

import click

from imagesignals_pipeline_tests.evaluation import browser, build
from imagesignals_pipeline_tests.evaluation.receipts import Half


@click.command()
@click.option("--half", type=click.Choice(get_args(Half)), default="tune", show_default=True)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=build.DEFAULT_CACHE,
    show_default=True,
    help="Where the pictures are kept between calls.",
)
def main(half: Half, cache: Path) -> None:
    """Build a half of the evaluation set."""
    started = time.monotonic()
    try:
        directory = build.ensure(half, cache)
    except browser.BrowserMissingError as missing:
        sys.exit(str(missing))
    click.echo(f"{directory}: ready in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
