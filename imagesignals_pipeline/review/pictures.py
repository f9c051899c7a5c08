"""Stored pictures and where they differ, ready to be drawn on a page (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from imagesignals_pipeline.match import places
from imagesignals_pipeline.match.places import Box, Picture
from imagesignals_pipeline.review.filters import Tier
from imagesignals_pipeline.review.groups import Group, Member

REMEMBERED = 256
"""Pairs whose places are kept: laying one picture on another takes a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Side:
    """A picture as it is drawn; boxes and corners are in its pixels.

    `frame` has the corners of what the other picture shows of it, if that is not all.
    """

    id: UUID
    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    frame: tuple[tuple[float, float], ...] = ()

    @property
    def points(self) -> str:
        """The corners of the frame as SVG writes them."""
        return " ".join(f"{x:.0f},{y:.0f}" for x, y in self.frame)


@dataclass(frozen=True, slots=True)
class Pair:
    """A copy beside its original; None where no picture is kept.

    `compared` is false when the differing places could not be found.
    """

    copy: Member
    original_side: Side | None
    copy_side: Side | None
    compared: bool

    @property
    def boxes(self) -> int:
        """How many places are outlined."""
        return len(self.copy_side.boxes) if self.copy_side else 0

    @property
    def framed(self) -> bool:
        """Whether one of the pictures shows only part of the other."""
        sides = (self.original_side, self.copy_side)
        return any(side is not None and bool(side.frame) for side in sides)


def pairs(group: Group, payloads: Mapping[UUID, bytes]) -> list[Pair]:
    """Return every copy of a group beside the original."""
    original = payloads.get(group.original.id)
    return [_pair(group.original, copy, original, payloads.get(copy.id)) for copy in group.copies]


def media(payload: bytes) -> Picture | None:
    """Return the picture of a payload, or None when this version cannot read it."""
    try:
        return places.picture(payload)
    except ValueError:
        return None


def _pair(original: Member, copy: Member, first: bytes | None, second: bytes | None) -> Pair:
    left, right = _side(original, first), _side(copy, second)
    if first is None or second is None or left is None or right is None:
        return Pair(copy, left, right, compared=False)
    if copy.tier in {Tier.SAME_FILE, Tier.SAME_PIXELS}:
        return Pair(copy, left, right, compared=True)
    seen = _places(first, second)
    if seen is None:
        return Pair(copy, left, right, compared=False)
    one, other = seen
    return Pair(
        copy,
        replace(left, boxes=one.differing, frame=one.shared or ()),
        replace(right, boxes=other.differing, frame=other.shared or ()),
        compared=True,
    )


def _side(member: Member, payload: bytes | None) -> Side | None:
    picture = media(payload) if payload else None
    return picture and Side(member.id, picture.width, picture.height)


@lru_cache(maxsize=REMEMBERED)
def _places(original: bytes, copy: bytes) -> tuple[places.Seen, places.Seen] | None:
    return places.places(original, copy)
