"""The activity log speaks the operator's guide word for word."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from imagesignals_pipeline import activity
from imagesignals_pipeline.activity import Activity, ActivityKind
from imagesignals_pipeline.model import Failure, FailureKind, Outcome, Submission, Totals

AGAIN = "`imagesignals verify` says why, and --retry-failed tries again what may pass"
SUBMISSION = Submission(UUID(int=1), "F-102", "https://store.test/a.png", datetime.now(UTC))


def test_the_guides_lines() -> None:
    """Lines without a submission are the guide's own."""
    assert activity.fetching().line == "🔍 Fetching payment submissions with screenshots..."
    assert activity.found(247).line == "📊 Found 247 payment submissions to process"
    assert activity.batch(1, 50).line == "🔄 Processing batch 1 of 50"
    assert activity.already_analysed("F-104").line == "⏭️ Skipped F-104 - Already analyzed"
    assert activity.finished().line == "✨ Backfill completed successfully!"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (activity.nothing(Totals(3, 3, 3, 0, 0, 0)), "every screenshot is already analysed"),
        (
            activity.nothing(Totals(0, 0, 0, 0, 0, 0)),
            "no submission in this range has a screenshot",
        ),
        (
            activity.nothing(Totals(3, 3, 1, 0, 2, 0)),
            f"every screenshot is already analysed, but 2 of 3 failed: {AGAIN}",
        ),
        (
            activity.nothing(Totals(3, 3, 0, 3, 0, 0)),
            f"every screenshot is already analysed, but 3 of 3 were skipped: {AGAIN}",
        ),
        (
            activity.nothing(Totals(5, 5, 0, 3, 2, 0)),
            "every screenshot is already analysed, but 2 of 5 failed and 3 of 5 were skipped: "
            + AGAIN,
        ),
    ],
)
def test_nothing_to_do_is_said_clearly(told: Activity, why: str) -> None:
    """No work is a message of its own, not "Found 0", and hides no failed or skipped one."""
    assert told == Activity(ActivityKind.NOTHING, f"No payments found: {why}")


def test_a_label_steers_no_terminal() -> None:
    """Labels come from strangers: no control sequence, and no line that we did not write."""
    label = "F-1\x1b[2J\n✨ Backfill"
    made = Submission(UUID(int=1), label, "https://store.test/a.png", datetime.now(UTC))
    outcome = Outcome(made, Failure(FailureKind.TIMEOUT, "late"))
    for told in (activity.processed(outcome, duplicate=False), activity.already_analysed(label)):
        assert "F-1�[2J�✨ Backfill" in told.line
        assert told.line.isprintable()


@pytest.mark.parametrize(
    ("failure", "kind", "line"),
    [
        (
            Failure(FailureKind.NOT_FOUND, "Failed to fetch: 404"),
            ActivityKind.FAILED,
            "❌ Failed F-102 - Failed to fetch: 404",
        ),
        (
            Failure(FailureKind.NOT_AN_IMAGE, "Not an image: a web page"),
            ActivityKind.SKIPPED,
            "⏭️ Skipped F-102 - Not an image: a web page",
        ),
    ],
)
def test_what_is_not_analysed_says_why(failure: Failure, kind: ActivityKind, line: str) -> None:
    """A failure is ❌, a content that we do not analyse is ⏭️, each with its reason."""
    told = activity.processed(Outcome(SUBMISSION, failure), duplicate=False)
    assert (told.kind, told.line) == (kind, line)


def test_the_end_says_what_to_do_about_failures() -> None:
    """Where nothing succeeded the storage may be down; what was there before is told apart."""
    told = activity.totals(Totals(100, 100, 1, 99, 0, 0), before=97)
    assert told.line == (
        "📈 Processed 100 of 100: 1 successful, 99 skipped (97 done before), 0 failed"
    )
    assert activity.failures(Totals(9, 9, 7, 0, 2, 0)).line == f"⚠️ 2 failed: {AGAIN}"
    assert activity.failures(Totals(9, 9, 0, 7, 2, 0)).line == (
        f"⚠️ Not one screenshot could be analysed. Is the storage up? 2 failed: {AGAIN}"
    )
    assert activity.failures(Totals(9, 9, 0, 9, 0, 0), before=2).line == (
        f"⚠️ Not one screenshot was analysed, 7 were skipped: {AGAIN}"
    )
