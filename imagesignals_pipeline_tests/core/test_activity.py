"""The activity log speaks the operator's guide word for word."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from imagesignals_pipeline import activity
from imagesignals_pipeline.activity import ActivityKind
from imagesignals_pipeline.model import Failure, FailureKind, Outcome, Submission

SUBMISSION = Submission(UUID(int=1), "F-102", "https://store.test/a.png", datetime.now(UTC))


def test_the_guides_lines() -> None:
    """Lines without a submission are the guide's own."""
    assert activity.fetching().line == "🔍 Fetching payment submissions with screenshots..."
    assert activity.found(247).line == "📊 Found 247 payment submissions to process"
    assert activity.batch(1, 50).line == "🔄 Processing batch 1 of 50"
    assert activity.already_analysed("F-104").line == "⏭️ Skipped F-104 - Already analyzed"
    assert activity.finished().line == "✨ Backfill completed successfully!"


def test_nothing_to_do_is_said_clearly() -> None:
    """No work is a message of its own, not "Found 0"."""
    told = activity.found(0)
    assert told.kind is ActivityKind.NOTHING
    assert told.line.startswith("No payments found")


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
