"""Groups of submissions that share a picture, and what was decided about them (reads only)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import cast
from uuid import UUID

from sqlalchemy import Connection, Row

from imagesignals_pipeline.dates import EPOCH
from imagesignals_pipeline.review.filters import FIRST, UNDECIDED, Filters, Place, Tier
from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store.groups import BY_WAY
from imagesignals_pipeline.store.sealed import unseal


@dataclass(frozen=True, slots=True)
class Judgement:
    """A recorded decision; see the table `image_review_decisions`.

    `stands` is false when a file is another one since, or the copy has left the group of the
    submission that it was judged against. `against_this_original` is false when that submission
    is itself known as a copy by now.
    """

    decision: str
    reviewer: str
    note: str
    decided_at: datetime
    against_this_original: bool
    stands: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A submission of a group; the first one, the original, is no copy and has no tier to tell.

    `same_address`: both payments name one stored file, not two with the same bytes. `is_current` is
    false when its payment names another screenshot since, or none. `content_sha256` is the digest
    of the file that it shows; b"" where none is known.
    """

    id: UUID
    flat_id: str
    created_at: datetime
    same_flat: bool
    same_address: bool
    is_current: bool
    tier: Tier
    percentage: int | None
    explanation: str
    resolution: str
    editor: str
    has_picture: bool
    content_sha256: bytes
    judgements: tuple[Judgement, ...] = ()

    @property
    def decision(self) -> str:
        """The latest decision that stands, or `undecided`."""
        standing = [each.decision for each in self.judgements if each.stands]
        return standing[-1] if standing else UNDECIDED

    @property
    def is_dated(self) -> bool:
        """Whether it is known when it was submitted."""
        return self.created_at != EPOCH

    @property
    def indirect(self) -> bool:
        """Whether it was found by way of another copy, so that the percentage is of those two."""
        return BY_WAY in self.explanation

    @property
    def month(self) -> str:
        """The month of its submission, such as `2025-03`."""
        return f"{self.created_at:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Group:
    """Submissions that share a picture, the earliest first."""

    original: Member
    copies: tuple[Member, ...]

    @property
    def flats(self) -> int:
        """How many flats submitted the picture, as far as they are known."""
        return len({each.flat_id for each in (self.original, *self.copies)} - {""})

    @property
    def place(self) -> Place:
        """Where the group stands in the list."""
        return Place("after", self.original.created_at, self.original.id)


@dataclass(frozen=True, slots=True)
class Altered:
    """A submission that agrees with an earlier one except in one place; it is no duplicate."""

    flat_id: str
    created_at: datetime
    explanation: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some consecutive groups out of `total`; `skipped` come before the first of them."""

    groups: tuple[Group, ...]
    skipped: int
    total: int

    @property
    def first(self) -> int:
        """Number of the first group, counted from 1; 0 when there is none."""
        return self.skipped + 1 if self.groups else 0

    @property
    def last(self) -> int:
        """Number of the last group."""
        return self.skipped + len(self.groups)

    @property
    def previous(self) -> Place | None:
        """Where the page before this one ends."""
        if not self.groups or self.skipped == 0:
            return None
        place = self.groups[0].place
        return Place("before", place.moment, place.id)

    @property
    def next(self) -> Place | None:
        """Where the page after this one begins."""
        return self.groups[-1].place if self.groups and self.last < self.total else None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many copies there are, in all and by what the filters choose among."""

    copies: int
    tiers: Mapping[str, int]
    months: Mapping[str, int]
    flats: Mapping[str, int]
    decisions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many screenshots are analysed, how many could not be, and how many wait."""

    analysed: int
    not_analysed: int
    waiting: int


def page(
    connection: Connection, filters: Filters, place: Place = FIRST, *, page_size: int = 20
) -> Page:
    """Return a page of groups, in the order in which their originals were submitted."""
    parameters = {**filters.parameters(), **place.parameters(), "page_size": page_size}
    rows = connection.execute(query("review_groups"), parameters).all()
    originals = [row.original_id for row in rows if row.original_id is not None]
    return Page(groups(connection, originals), skipped=rows[0].skipped, total=rows[0].total)


def latest(connection: Connection, *, most: int) -> tuple[tuple[Group, ...], int]:
    """Return the groups of which a copy was submitted last, and how many there are in all.

    They come in the order of their originals too.
    """
    rows = connection.execute(query("review_latest_groups"), {"most": most}).all()
    return groups(connection, [row.original_id for row in rows]), rows[0].total if rows else 0


def groups(connection: Connection, originals: Collection[UUID]) -> tuple[Group, ...]:
    """Return the groups of the given originals; those without copies are none."""
    if not originals:
        return ()
    chosen = {"originals": list(originals)}
    rows = connection.execute(query("review_members"), chosen).all()
    decided = _judgements(connection, [row.id for row in rows])
    found: list[Group] = []
    for _, together in groupby(rows, key=lambda row: cast(UUID, row.original_id)):
        originals_first = sorted(together, key=lambda row: row.id != row.original_id)
        original, *copies = (_member(row, decided) for row in originals_first)
        if copies:
            found.append(Group(original, tuple(copies)))
    return tuple(found)


def group(connection: Connection, original: UUID) -> Group | None:
    """Return the group of an original, or None when it has no copies."""
    return next(iter(groups(connection, [original])), None)


def original_of(connection: Connection, copy: UUID) -> UUID | None:
    """Return the original of a copy; None when it is none, or has a group of its own."""
    return connection.execute(query("review_original_of"), {"id": copy}).scalar_one_or_none()


def altered(connection: Connection, *, most: int) -> tuple[tuple[Altered, ...], int]:
    """Return the latest altered copies, the earliest of them first, and how many there are."""
    rows = connection.execute(query("review_altered"), {"most": most}).all()
    latest = tuple(
        Altered(row.flat_id, row.created_at.astimezone(UTC), row.explanation)
        for row in reversed(rows)
    )
    return latest, rows[0].total if rows else 0


def payloads(connection: Connection, ids: Collection[UUID]) -> dict[UUID, bytes]:
    """Return the stored pictures of submissions; who has none is missing."""
    rows = connection.execute(query("review_pictures"), {"ids": list(ids)})
    return {row.id: unseal(bytes(row.payload)) for row in rows}


def counts(connection: Connection) -> Counts:
    """Count all copies by tier, month, kind of flat and decision."""
    tiers, months, flats, decisions = (defaultdict[str, int](int) for _ in range(4))
    total = 0
    for row in connection.execute(query("review_counts")):
        month: date = row.month
        total += row.copies
        tiers[row.tier] += row.copies
        months[f"{month:%Y-%m}"] += row.copies
        flats["same" if row.same_flat else "other"] += row.copies
        decisions[row.decision] += row.copies
    return Counts(total, tiers, dict(sorted(months.items())), flats, decisions)


def coverage(connection: Connection) -> Coverage:
    """Count the screenshots that copies were looked for in, and those they were not."""
    row = connection.execute(query("review_coverage")).one()
    return Coverage(row.analysed, row.not_analysed, row.waiting)


def _judgements(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[Judgement]]:
    found: defaultdict[UUID, list[Judgement]] = defaultdict(list)
    for row in connection.execute(query("review_decisions"), {"ids": list(ids)}):
        found[row.copy_id].append(
            Judgement(
                decision=row.decision,
                reviewer=row.reviewer,
                note=row.note,
                decided_at=row.decided_at.astimezone(UTC),
                against_this_original=bool(row.against_this_original),
                stands=row.stands,
            )
        )
    return found


def _member(row: Row[tuple[object, ...]], decided: Mapping[UUID, list[Judgement]]) -> Member:
    wide, high = row.resolution_width, row.resolution_height
    return Member(
        id=row.id,
        flat_id=row.flat_id,
        created_at=row.created_at.astimezone(UTC),
        same_flat=row.same_flat,
        same_address=row.same_address,
        is_current=row.is_current,
        tier=Tier(row.tier),
        percentage=row.similarity_percentage,
        explanation=row.similarity_explanation or "",
        resolution=f"{wide} x {high}" if wide and high else "",
        editor=row.exif_editor_detected or "",
        has_picture=row.has_picture,
        content_sha256=bytes(row.content_sha256),
        judgements=tuple(decided.get(row.id, ())),
    )
