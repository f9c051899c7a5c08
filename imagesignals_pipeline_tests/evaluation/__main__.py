"""`python -m imagesignals_pipeline_tests.evaluation`: builds the set and judges the matchers."""

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

import click

from imagesignals_pipeline_tests.evaluation import (
    browser,
    build,
    fonts,
    manifest,
    matcher,
    measure,
    sampling,
    scoring,
    sheets,
    tables,
)
from imagesignals_pipeline_tests.evaluation.judges import baselines
from imagesignals_pipeline_tests.evaluation.manifest import Entry
from imagesignals_pipeline_tests.evaluation.receipts import Half


@click.command()
@click.option("--half", type=click.Choice(get_args(Half)), default="tune", show_default=True)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Another one gives other pictures of the same templates.",
)
@click.option("--sample", type=int, help="Judge a fixed small part of about so many pictures.")
@click.option(
    "--failures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write contact sheets of failing pairs there.",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
@click.option("--build-only", is_flag=True, help="Only make sure that the pictures are there.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=build.DEFAULT_CACHE,
    show_default=True,
    help="Where the pictures are kept between calls.",
)
def main(  # noqa: PLR0913  # one parameter for each option
    *,
    half: Half,
    seed: int,
    sample: int | None,
    failures: Path | None,
    jobs: int,
    build_only: bool,
    cache: Path,
) -> None:
    """Say how many reused receipts are found, and how many honest ones are accused.

    The tune half is there to develop on, and limits were chosen with an eye on the report half;
    nobody tunes on the exam half, so its figures are the ones to believe.
    """
    started = time.monotonic()
    directory = _built(half, cache, seed)
    click.echo(f"{directory}: ready in {time.monotonic() - started:.0f} s")
    if build_only:
        return
    entries = manifest.load(directory)
    _report(sampling.sample(entries, sample) if sample else entries, directory, jobs, failures)


def _built(half: Half, cache: Path, seed: int) -> Path:
    try:
        fonts.require(half)
        return build.ensure(half, cache, seed)
    except browser.BrowserMissingError as missing:
        sys.exit(str(missing))


def _report(entries: Sequence[Entry], directory: Path, jobs: int, failures: Path | None) -> None:
    """Judge with our matcher and with hashes of whole pictures, and print what came of it."""
    started = time.monotonic()
    paths = [directory / entry.file for entry in entries]
    ours = matcher.Ours()
    measured = measure.measure_all(paths, ours.fingerprint, jobs=jobs)
    judged = scoring.link(entries, matcher.rule(ours, measured, jobs=jobs))
    named = {"imagesignals": scoring.score(judged)}
    cost = tables.Cost(measured, judged)
    for name, rulings in baselines(measure.hashes_of(paths, jobs=jobs)).items():
        named[name] = scoring.score(scoring.link(entries, rulings))
    _print("The set", tables.contents(entries))
    _print("Our matcher", tables.scores(named["imagesignals"]))
    _print("Beside hashes of whole pictures", tables.comparison(named))
    _print("Cost", cost.lines())
    _print("Goals", tables.goals(named["imagesignals"], cost))
    if failures:
        sheets.save(scoring.wrongs(judged), entries, directory, failures)
        click.echo(f"\ncontact sheets: {failures}")
    click.echo(f"\n{len(entries)} pictures judged in {time.monotonic() - started:.0f} s")


def _print(title: str, lines: Iterable[str]) -> None:
    click.echo(f"\n{title}\n{'-' * len(title)}")
    for line in lines:
        click.echo(line)


if __name__ == "__main__":
    main()
