"""Dates as files spell them -> a moment, where they make sense."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from imagesignals_pipeline.analyse.traces import Traces

EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
"""The year of the first EXIF; clocks that were never set say 1970 or 1980."""

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""The present is no argument here: the same bytes give the same signals on every day."""

_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
"""The zones in use on Earth."""

_DATE = re.compile(
    r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?"
    r"\s*(?:([APap])\.?[Mm]\.?)?\s*(Z|[A-Z]{3,5}|[+-][\d:]+)?"
)
"""Behind the time may stand its half of the day and its zone; other words could change the hour."""

_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")


@dataclass(frozen=True, slots=True)
class Taken:
    """When a picture was made, by its own account; to the second."""

    at: datetime
    zone_known: bool


def creation_date(traces: Traces) -> Taken | None:
    """Return the first sensible date: taken, digitised, XMP's, last saved.

    EXIF dates are wall-clock time. Where no zone is recorded, UTC is assumed: it is the one
    choice that depends on neither the operator's server nor a guess at the payer's country, and
    it is wrong by at most 14 hours.
    """
    return next(filter(None, (moment(date, zone) for date, zone in traces.dates)), None)


def moment(date: str, zone: str = "") -> Taken | None:
    """Read one date, with its zone beside it or at its end; None when it is nonsense.

    >>> moment("2024:01:15 10:20:30", "+05:30").at.isoformat()
    '2024-01-15T10:20:30+05:30'
    >>> moment("2024:01:15 10:20:30 PM").at.hour
    22
    >>> moment("0000:00:00 00:00:00")
    """
    found = _DATE.fullmatch(date.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups(default="0")[:6])
    half, tail = found.groups(default="")[6:]
    offset = _offset(zone.strip() or tail)
    try:
        at = datetime(year, month, day, _of_24(hour, half), minute, second, tzinfo=offset or UTC)
    except ValueError:
        return None
    return Taken(at, offset is not None) if EARLIEST <= at < LATEST else None


def _of_24(hour: int, half: str) -> int:
    """Return the hour of the day; half is A, P or "", and adds nothing to 13 and later hours."""
    if not half or hour > 12:  # noqa: PLR2004 - a clock's
        return hour
    return hour % 12 + (12 if half in "Pp" else 0)


def _offset(zone: str) -> timezone | None:
    if zone == "Z":
        return UTC
    found = _ZONE.fullmatch(zone)
    if found is None:
        return None
    sign = -1 if found[1] == "-" else 1
    distance = sign * timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(distance) if _WEST <= distance <= _EAST else None
