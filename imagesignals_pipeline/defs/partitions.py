"""Which month a submission belongs to."""

import os
from datetime import UTC, date, datetime

import dagster as dg

from imagesignals_pipeline import settings
from imagesignals_pipeline.source import Window

MONTHS = dg.MonthlyPartitionsDefinition(
    start_date=settings.first_month(os.environ).isoformat(), end_offset=1
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
    key = month.replace(day=1).isoformat()
    return min(max(key, first or key), last or key)
