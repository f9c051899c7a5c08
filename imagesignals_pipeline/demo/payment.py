"""One payment to the society, and how India writes its amounts and dates."""

from dataclasses import dataclass
from datetime import datetime
from random import Random

SOCIETY = "Gulmohar Heights"
SOCIETY_LONG = "Gulmohar Heights Apartment Owners Association"
SOCIETY_HANDLE = "gulmoharheights@peepal"
SOCIETY_ACCOUNT = "XXXXXX7304"
SOCIETY_BRANCH = "PEPL0004471"


@dataclass(frozen=True, slots=True)
class Payment:
    """What a receipt says.

    `amount` is in rupees, `paid_at` and `shown_at` (when the screenshot was taken) carry the
    society's time zone. `reference` has the 12 digits of a UPI or bank reference, `serial` is the
    payment app's own number. `account` is the payer's, its last four digits.
    """

    payer: str
    flat_id: str
    handle: str
    account: str
    amount: int
    note: str
    paid_at: datetime
    shown_at: datetime
    reference: str
    serial: str
    battery: int

    @property
    def day(self) -> str:
        """The date in words, `3 Oct 2026`."""
        return f"{self.paid_at.day} {self.paid_at:%b %Y}"

    @property
    def clock(self) -> str:
        """The time of day, `7:42 PM`."""
        return clock(self.paid_at)

    @property
    def rupees(self) -> str:
        """The amount, `₹4,250`."""
        return f"₹{grouped(self.amount)}"

    @property
    def rupees_paise(self) -> str:
        """The amount to the paisa, `₹4,250.00`."""
        return f"₹{grouped(self.amount)}.00"

    def chance(self, about: str) -> Random:
        """Return a random source that this payment always repeats, one for each subject."""
        return Random(f"{self.reference} {about}")


def grouped(amount: int) -> str:
    """Write a number with India's commas: a group of three, then groups of two.

    >>> grouped(4250), grouped(1234567)
    ('4,250', '12,34,567')
    """
    head, tail = divmod(amount, 1000)
    if not head:
        return str(amount)
    digits = str(head)
    groups = [digits[max(0, end - 2) : end] for end in range(len(digits), 0, -2)]
    return ",".join([*reversed(groups), f"{tail:03d}"])


def clock(moment: datetime) -> str:
    """Write the time of day, `7:42 PM`."""
    return f"{moment.hour % 12 or 12}:{moment:%M} {'AM' if moment.hour < 12 else 'PM'}"  # noqa: PLR2004 - noon


def initials(name: str) -> str:
    """Return the first letters of the first and the last word.

    >>> initials("Asha R Kulkarni")
    'AK'
    """
    words = name.split()
    return words[0][0] + (words[-1][0] if len(words) > 1 else "")
