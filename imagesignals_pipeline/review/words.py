"""The words of the page (pure)."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType

from imagesignals_pipeline.dates import EPOCH, MONTHS, day
from imagesignals_pipeline.review.filters import UNDECIDED, Tier
from imagesignals_pipeline.store import Decision

TIERS: Mapping[str, str] = MappingProxyType(
    {
        Tier.SAME_FILE: "Same file",
        Tier.SAME_PIXELS: "Same picture, saved again",
        Tier.SAME_PICTURE: "Same screenshot, saved differently",
        Tier.UNCHECKED: "Marked by another program",
    }
)
DECISIONS: Mapping[str, str] = MappingProxyType(
    {
        UNDECIDED: "Undecided",
        Decision.SAME_PAYMENT: "Same payment, sent again",
        Decision.NOT_DUPLICATE: "Not the same payment",
        Decision.FOLLOW_UP: "To be asked about",
    }
)
MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        Decision.SAME_PAYMENT: "it counts once",
        Decision.NOT_DUPLICATE: "the signal is wrong",
        Decision.FOLLOW_UP: "such as an old receipt for a new month",
    }
)
"""What stands beside a decision where it is chosen."""
FLATS: Mapping[str, str] = MappingProxyType(
    {"same": "By the same flat", "other": "By another flat, or not known"}
)
NOT_AN_ACCUSATION = (
    "A signal is not an accusation. It says that two pictures look the same, not why: a payment "
    "may have been sent in twice by mistake, or one receipt may belong to two flats. Talk first."
)
SAME_ADDRESS = "Both payments name the same stored file, as when one form is sent twice."
MANY_FLATS = 4


def replaced(original_is_current: bool, copy_is_current: bool) -> str:
    """Say which of two payments shows something else by now; empty where none does.

    >>> replaced(True, True)
    ''
    """
    if original_is_current and copy_is_current:
        return ""
    one = "The later payment" if original_is_current else "The first payment"
    which = one if original_is_current or copy_is_current else "Each of the two payments"
    return (
        f"{which} names another screenshot since, or none. What stands here is of the one before; "
        "the next run looks again."
    )


def shared_by_many(flats: int) -> str:
    """Warn of a picture that is hardly one flat's receipt; empty where only a few submitted it.

    >>> shared_by_many(3)
    ''
    """
    if flats < MANY_FLATS:
        return ""
    return (
        f"{flats:,} flats submitted this picture. What so many submit is often no receipt: a logo, "
        "a screen without a payment, or what a server sends for a picture that it does not have."
    )


def minute(moment: datetime, zone: tzinfo = UTC) -> str:
    """Return date and time such as `3 March 2025, 14:05 UTC`."""
    there = moment.astimezone(zone)
    return day(moment) if moment == EPOCH else f"{day(moment, zone)}, {there:%H:%M %Z}"


def months(known: Iterable[str], chosen: str | None = None) -> dict[str, str]:
    """Return months, and one that is chosen, by how they stand in a URL, as people write them."""
    shown = {*known, chosen} if chosen else {*known}
    return {each: month(each) for each in sorted(shown)}


def month(text: str) -> str:
    """Return a month such as `March 2025`.

    >>> month("2025-03")
    'March 2025'
    """
    year, number = text.split("-")
    return f"{MONTHS[int(number) - 1]} {year}" if text != "1970-01" else "Unknown date"


def flat(label: str) -> str:
    """Return a flat's label, whatever it is, as one line of bounded length."""
    line = " ".join(label.split())
    return line[:60] + ("…" if len(line) > 60 else "") if line else "(no flat)"  # noqa: PLR2004


def coverage(analysed: int, not_analysed: int, waiting: int) -> str:
    """Say in how many screenshots copies were looked for, and in how many they were not.

    >>> coverage(1200, 1, 0)
    '1,200 screenshots are analysed; 1 could not be.'
    >>> coverage(0, 0, 3)
    '0 screenshots are analysed; 3 wait for it.'
    """
    left = [f"{not_analysed:,} could not be"] if not_analysed else []
    left += [f"{waiting:,} wait for it"] if waiting else []
    said = f"{plural(analysed, 'screenshot')} {'is' if analysed == 1 else 'are'} analysed"
    return "; ".join([said, *([", ".join(left)] if left else [])]) + "."


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    >>> plural(1, "copy", "copies"), plural(2, "place")
    ('1 copy', '2 places')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
