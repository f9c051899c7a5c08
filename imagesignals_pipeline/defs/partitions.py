"""Which month a submission belongs to."""

import os
from datetime import UTC, date, datetime

import dagster as dg

from imagesignals_pipeline import settings
from imagesignals_pipeline.source import Window

FORMAT = "%Y-%m"
"""Not of days: of partitions that are named by a day the UI offers only the last 90 days, and "All"
in its dialog would quietly leave out everything older."""
MONTHS = dg.MonthlyPartitionsDefinition(
    start_date=f"{settings.first_month(os.environ):{FORMAT}}", end_offset=1, fmt=FORMAT
)
"""Months of `created_at` in UTC, the current one included."""


def window(month: str, since: datetime | None = None, until: datetime | None = None) -> Window:
    """Return the part of a month's partition between two instants, as a half-open window.

    The first partition also holds everything before it and the last everything after it, so that
    no submission, however old or wrongly dated, lies outside all partitions.
    """
    bounds = MONTHS.time_window_for_partition_key(month)
    starts = None if month == MONTHS.get_first_partition_key() else bounds.start.astimezone(UTC)
    ends = None if month == MONTHS.get_last_partition_key() else bounds.end.astimezone(UTC)
    return Window(
        since=max((each for each in (starts, since) if each), default=None),
        until=min((each for each in (ends, until) if each), default=None),
    )


def partition_key(month: date) -> str:
    """Return the partition that holds a month of `created_at`."""
    first, last = MONTHS.get_first_partition_key(), MONTHS.get_last_partition_key()
    key = month.isoformat()[:7]  # strftime does not pad years
    return min(max(key, first or key), last or key)
