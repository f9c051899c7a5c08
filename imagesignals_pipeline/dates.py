"""Dates as people write them: in UTC or their own zone, and in English whatever the locale."""

from datetime import UTC, datetime, tzinfo
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a submission without a date counts as made; nothing counts as older."""
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""The calendar module speaks the language of the locale."""


def day(moment: datetime, zone: tzinfo = UTC) -> str:
    """Return a date such as `3 March 2025`; "unknown date" for the epoch."""
    if moment == EPOCH:
        return "unknown date"
    there = moment.astimezone(zone)
    return f"{there.day} {MONTHS[there.month - 1]} {there.year}"
