"""Which submissions show the same picture, and which of them is the original (pure).

Submissions with the same bytes or the same pixels show one picture. Pictures that the matching
room found to be the same, directly or by way of other copies, form a group. The earliest
submission of the group is the original; every other one is a copy of it.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

IDENTICAL = 100
MAX_LABEL_CHARACTERS = 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # when submissions without a date count as made
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)  # the calendar module speaks the language of the locale


@dataclass(frozen=True, slots=True)
class Member:
    """A submission whose picture may be shared; `pixels` is None for an empty picture."""

    id: UUID
    flat_id: str
    created_at: datetime
    content: bytes
    pixels: bytes | None

    @property
    def order(self) -> tuple[datetime, UUID]:
        """Earlier submissions come first; of the same instant, the smaller id."""
        return self.created_at, self.id


@dataclass(frozen=True, slots=True)
class Edge:
    """Two pictures that are the same; `explanation` says what was done to the copy."""

    pixels_a: bytes
    pixels_b: bytes
    percentage: int
    explanation: str


@dataclass(frozen=True, slots=True)
class Link:
    """That a submission is a copy of an earlier one."""

    original_id: UUID
    percentage: int
    explanation: str


Picture = list[Member]
"""All submissions of the same bytes or pixels, earliest first."""


def links(members: Sequence[Member], edges: Iterable[Edge]) -> dict[UUID, Link]:
    """Return the link of every copy; whoever is missing is an original.

    The percentage is 100 for the original's own bytes or pixels. For another picture it is that
    of the comparison with the original; where there is none, the weakest comparison on the
    strongest way to it.
    """
    pictures = _pictures(members)
    neighbours = _neighbours(pictures, edges)
    found: dict[UUID, Link] = {}
    grouped: set[int] = set()
    for root, picture in enumerate(pictures):  # earliest first: whoever is new founds a group
        if root in grouped:
            continue
        for other, way in _ways(root, neighbours).items():
            grouped.add(other)
            copies = pictures[other] if other != root else picture[1:]
            found.update((copy.id, _link(copy, picture[0], way)) for copy in copies)
    return found


def _pictures(members: Sequence[Member]) -> list[Picture]:
    """Gather members that are connected by equal bytes or pixels; earliest picture first."""
    numbers: dict[bytes, int] = {}
    pairs = [
        (row, numbers.setdefault(digest, len(members) + len(numbers)))
        for row, member in enumerate(members)
        for digest in (b"content" + member.content, b"pixels" + (member.pixels or b""))
        if digest != b"pixels"
    ]
    rows, columns = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    size = len(members) + len(numbers)
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (rows, columns)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    pictures: defaultdict[int, Picture] = defaultdict(list)
    for row, member in sorted(enumerate(members), key=lambda each: each[1].order):
        pictures[labels[row]].append(member)
    return list(pictures.values())


def _neighbours(pictures: Sequence[Picture], edges: Iterable[Edge]) -> dict[int, dict[int, Edge]]:
    """Return each picture's neighbours and the strongest edge to each."""
    numbers = {member.pixels: n for n, picture in enumerate(pictures) for member in picture}
    neighbours: defaultdict[int, dict[int, Edge]] = defaultdict(dict)
    for edge in sorted(edges, key=lambda each: (each.percentage, each.explanation)):
        a, b = numbers.get(edge.pixels_a), numbers.get(edge.pixels_b)
        if a is not None and b is not None and a != b:
            neighbours[a][b] = neighbours[b][a] = edge
    return neighbours


def _ways(root: int, neighbours: Mapping[int, Mapping[int, Edge]]) -> dict[int, Edge | int | None]:
    """Return how each picture of a group leads to its root.

    None is the root itself, an edge a direct comparison, and a number the weakest percentage on
    the strongest way over other copies (the widest path, found in Dijkstra's order).
    """
    strength: dict[int, int] = {}
    reached = [(-IDENTICAL, root)]
    while reached:
        weakest, picture = heapq.heappop(reached)
        if picture in strength:
            continue
        strength[picture] = -weakest
        for neighbour, edge in neighbours.get(picture, {}).items():
            heapq.heappush(reached, (max(weakest, -edge.percentage), neighbour))
    return {**strength, **neighbours.get(root, {}), root: None}


def _link(copy: Member, original: Member, way: Edge | int | None) -> Link:
    """Say in one sentence what a copy is a copy of."""
    whose = f"{_whose(copy.flat_id, original.flat_id)} submission of {_day(original.created_at)}"
    if copy.content == original.content:
        return Link(original.id, IDENTICAL, f"Same file as {whose}.")
    if way is None:
        return Link(original.id, IDENTICAL, f"Same picture as {whose}, saved again.")
    if isinstance(way, int):
        return Link(original.id, way, f"Same screenshot as {whose}, by way of another copy.")
    done = way.explanation.strip().rstrip(".")
    return Link(
        original.id, way.percentage, f"Same screenshot as {whose}{f', {done}' if done else ''}."
    )


def _whose(flat_id: str, original_flat_id: str) -> str:
    """Name the flat of the original; a label that only a machine can read is not named."""
    label = " ".join(original_flat_id.split())[:MAX_LABEL_CHARACTERS]
    if label and flat_id == original_flat_id:
        return "the same flat's"
    if not label or _is_uuid(label):
        return "another flat's"
    return f"flat {label}'s"


def _is_uuid(label: str) -> bool:
    try:
        UUID(label)
    except ValueError:
        return False
    return True


def _day(moment: datetime) -> str:
    """Return a date such as `3 March 2025`, in UTC and in English whatever the locale."""
    if moment == EPOCH:
        return "an unknown date"
    day = moment.astimezone(UTC)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
