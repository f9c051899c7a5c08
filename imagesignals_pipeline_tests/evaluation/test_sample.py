"""The matcher on the kept sample: what `make evaluate` does, small enough for every test run."""

from pathlib import Path
from random import Random

import pytest

from imagesignals_pipeline_tests.evaluation import sample, scoring
from imagesignals_pipeline_tests.evaluation.alterations import ALTERATIONS
from imagesignals_pipeline_tests.evaluation.manifest import Entry
from imagesignals_pipeline_tests.evaluation.matcher import Ours, rule
from imagesignals_pipeline_tests.evaluation.measure import measure_all
from imagesignals_pipeline_tests.evaluation.scoring import Score

COPIES_EACH = 2


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Score:
    """Submit all receipts of the sample, then copies that take every easy alteration in turn."""
    directory = tmp_path_factory.mktemp("sample")
    entries = [*_originals(directory), *_copies(directory)]
    ours = Ours()
    measured = measure_all([directory / entry.file for entry in entries], ours.fingerprint)
    return scoring.score(scoring.link(entries, rule(ours, measured)))


def _originals(directory: Path) -> list[Entry]:
    entries: list[Entry] = []
    for receipt in sample.load():
        (directory / receipt.name).write_bytes(receipt.content)
        template = receipt.name.rsplit("-", 1)[0]
        entries.append(Entry(receipt.name, "tune", template, "", receipt.series, "honest"))
    return entries


def _copies(directory: Path) -> list[Entry]:
    easy = [alteration for alteration in ALTERATIONS if not alteration.hard]
    entries: list[Entry] = []
    for number, receipt in enumerate(sample.load() * COPIES_EACH):
        alteration = easy[number % len(easy)]
        copied = alteration.apply(receipt.content, receipt.picture, Random(number))
        file, template = f"{number}-{receipt.name}", receipt.name.rsplit("-", 1)[0]
        (directory / file).write_bytes(copied.content)
        entries.append(
            Entry(
                file,
                "tune",
                template,
                "",
                receipt.series,
                "copy",
                receipt.name,
                alteration.name,
                alteration.family,
            )
        )
    return entries


def test_nobody_honest_is_accused(score: Score) -> None:
    """Of the look-alikes of the sample none is called a duplicate."""
    assert score.accused.total >= 24
    assert score.accused.hits == 0


def test_copies_are_found(score: Score) -> None:
    """All recompressed and resized copies are found, and nearly all of the others."""
    assert score.by_family["format"].ratio == 1
    assert score.recall.ratio >= 0.95


def test_found_copies_name_their_original(score: Score) -> None:
    """No copy is ascribed to a look-alike of its original."""
    assert score.misnamed.hits == 0
