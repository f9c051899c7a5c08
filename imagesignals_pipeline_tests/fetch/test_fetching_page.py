"""The page on fetching tells every failure that fetching can end in."""

from pathlib import Path

import pytest

from imagesignals_pipeline.fetch import FetchSettings
from imagesignals_pipeline.model import FailureKind

PAGE = Path(__file__).parents[2] / "docs" / "fetching.md"
LATER = {
    FailureKind.NOT_AN_IMAGE,
    FailureKind.UNSUPPORTED_FORMAT,
    FailureKind.DAMAGED,
    FailureKind.TOO_MANY_PIXELS,
    FailureKind.DECODER_LIMIT,
}
"""Kinds that only decoding can find."""


@pytest.mark.parametrize("kind", FailureKind)
def test_every_kind_has_its_advice(kind: FailureKind) -> None:
    """Each failure tells the operator in one sentence what to do."""
    assert kind.advice.endswith(".")


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind not in LATER])
def test_the_page_has_a_row_for_every_kind(kind: FailureKind) -> None:
    """The row says what `--retry-failed` does and gives the same advice as the program."""
    rows = [row for row in PAGE.read_text().splitlines() if row.startswith(f"| `{kind}` |")]
    assert len(rows) == 1
    _, _, _, retried, advice, _ = (cell.strip() for cell in rows[0].split("|"))
    assert retried == ("yes" if kind.may_pass else "no")
    assert advice == kind.advice


def test_the_page_gives_the_defaults() -> None:
    """Numbers on the page are the ones in the code."""
    page, settings = PAGE.read_text(), FetchSettings()
    for text in (
        f"| {settings.max_bytes // 2**20} MiB |",
        f"| {settings.deadline_s:.0f} s |",
        f"| {settings.max_wait_s:.0f} s |",
        f"| attempts | {settings.attempts} |",
        f"| requests to one host at once | {settings.per_host} |",
        f"at most {settings.max_wait_s / 3:.0f} s an attempt",
    ):
        assert text in page
