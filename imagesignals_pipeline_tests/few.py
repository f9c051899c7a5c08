"""A few of the demonstration's submissions, for tests that run the whole pipeline."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from imagesignals_pipeline.demo import DemoSubmission, Kind, society
from imagesignals_pipeline.demo.uploads import render

OCTOBER = datetime(2025, 10, 5, 12, tzinfo=UTC)
NOVEMBER = datetime(2025, 11, 5, 12, tzinfo=UTC)
_SOCIETY = society()
_BY_ID = {each.id: each for each in _SOCIETY}


def of_kind(kind: Kind, created_at: datetime, number: int = 0) -> DemoSubmission:
    """Return one of the society's submissions of a kind, as if made at another moment."""
    found = [each for each in _SOCIETY if each.kind is kind][number]
    return replace(found, created_at=created_at)


def copied(kind: Kind, first: datetime, second: datetime) -> tuple[DemoSubmission, DemoSubmission]:
    """Return an original and its copy, made at two moments."""
    copy = of_kind(kind, second)
    assert copy.copy_of is not None
    return replace(_BY_ID[copy.copy_of], created_at=first), copy


FEW = (
    *copied(Kind.EXACT_COPY, OCTOBER.replace(hour=1), NOVEMBER.replace(hour=9)),
    of_kind(Kind.SPACED_URL, OCTOBER),
    of_kind(Kind.EDITED, OCTOBER.replace(hour=13)),
    of_kind(Kind.BARE_PATH, OCTOBER.replace(hour=14)),
    of_kind(Kind.MISSING, OCTOBER.replace(hour=15)),
    of_kind(Kind.TINY, OCTOBER.replace(hour=16)),
    of_kind(Kind.ENCODED_URL, NOVEMBER),
    of_kind(Kind.SIGN_IN_PAGE, NOVEMBER.replace(hour=13)),
    of_kind(Kind.MANUAL_ENTRY, NOVEMBER.replace(hour=14)),
    of_kind(Kind.BLANK_URL, NOVEMBER.replace(hour=15)),
    of_kind(Kind.NO_URL, NOVEMBER.replace(hour=16)),
)
"""Six screenshots in October and three in November: two batches of five, and one."""


def receipt() -> bytes:
    """Return the file of an honest receipt."""
    content = of_kind(Kind.HONEST, OCTOBER).content
    assert content is not None
    return render(content)


def insert(connection: Connection, submissions: Iterable[DemoSubmission], base_url: str) -> None:
    """Put submissions into payment_submissions; those that are there get their address anew."""
    for each in submissions:
        connection.execute(
            text(
                "insert into payment_submissions (id, flat_id, screenshot_url, created_at)"
                " values (:id, :flat_id, :url, :created_at)"
                " on conflict (id) do update set screenshot_url = excluded.screenshot_url"
            ),
            {
                "id": each.id,
                "flat_id": each.flat_id,
                "url": each.url(base_url),
                "created_at": each.created_at,
            },
        )
