"""Which copies somebody wants to see, and at which place of the list they are (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.store import Decision

UNDECIDED = "undecided"
"""Of a copy about which no decision stands."""


class Tier(StrEnum):
    """How a copy is the same as its original."""

    SAME_FILE = "same_file"
    SAME_PIXELS = "same_pixels"
    SAME_PICTURE = "same_picture"
    UNCHECKED = "unchecked"


class UnknownFilterError(OperatorError):
    """A filter has a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Only groups with a copy for which all of these hold; None means any.

    `month` is the first day of the month in which the copy was submitted, `flat` is `same` when
    the same flat had submitted the original and else `other`, `decision` a decision or
    `undecided`.
    """

    tier: Tier | None = None
    month: date | None = None
    flat: str | None = None
    decision: str | None = None

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the statement `review_groups`."""
        since = self.month and datetime(self.month.year, self.month.month, 1, tzinfo=UTC)
        return {
            "tier": self.tier and str(self.tier),
            "since": since,
            "until": since and _following(since),
            "same_flat": None if self.flat is None else self.flat == "same",
            "decision": self.decision,
        }

    def words(self) -> dict[str, str]:
        """Return the filters that are set, as they stand in a URL."""
        values = {
            "tier": self.tier and str(self.tier),
            "month": self.month and self.month.isoformat()[:7],
            "flat": self.flat,
            "decision": self.decision,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list: after or before a group, the first page or the last.

    A group is named by when and by which id its original was submitted, not by its number: a
    decision that takes a group out of the list makes no other one slip past the reader.
    """

    direction: str = "first"
    moment: datetime | None = None
    id: UUID | None = None

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the statement `review_groups`."""
        return {
            "direction": self.direction,
            "moment": self.moment,
            "id": self.id,
        }

    def words(self) -> dict[str, str]:
        """Return the place as it stands in a URL."""
        if self.moment is None:
            return {} if self.direction == "first" else {"page": self.direction}
        moment = self.moment.astimezone(UTC).replace(tzinfo=None)
        return {self.direction: f"{moment.isoformat()}_{self.id}"}


FIRST = Place()
LAST = Place("last")


def read_filters(words: Mapping[str, str]) -> Filters:
    """Read filters from a URL's words; an empty one counts as not set.

    Raises:
        UnknownFilterError: A filter has a value that it cannot have.
    """
    given = {each.name: words.get(each.name, "").strip() for each in fields(Filters)}
    try:
        return Filters(
            tier=Tier(given["tier"]) if given["tier"] else None,
            month=_month(given["month"]),
            flat=_one_of(given["flat"], "same", "other"),
            decision=_one_of(given["decision"], UNDECIDED, *map(str, Decision)),
        )
    except ValueError:
        raise UnknownFilterError("One of the filters has a value that it cannot have.") from None


def read_place(words: Mapping[str, str]) -> Place:
    """Read the place in the list from a URL's words.

    Raises:
        UnknownFilterError: It is no place.
    """
    for direction in ("after", "before"):
        if text := words.get(direction):
            moment, _, id_ = text.partition("_")
            try:
                return Place(
                    direction, datetime.fromisoformat(moment).replace(tzinfo=UTC), UUID(id_)
                )
            except ValueError:
                raise UnknownFilterError("This address names no place in the list.") from None
    return LAST if words.get("page") == "last" else FIRST


def _month(text: str) -> date | None:
    return date.fromisoformat(f"{text}-01") if text else None


def _following(month: datetime) -> datetime:
    if (month.year, month.month) == (9999, 12):
        return datetime.max.replace(tzinfo=UTC)
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _one_of(text: str, *known: str) -> str | None:
    if text and text not in known:
        raise ValueError(text)
    return text or None
