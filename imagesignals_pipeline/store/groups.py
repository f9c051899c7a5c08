"""Which submissions show the same picture, and which of them is the original (pure).

Submissions with the same bytes or the same pixels show one picture. A picture that the matching
room found to be the same as earlier ones joins the group of the likest of them, of those from whose
original no direct comparison has parted it: so one look at a poor copy merges no groups of two
originals. Only then do groups merge that a common copy connects, where nothing parts them. The
earliest submission of a group is the original; every other one is a copy of it.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from imagesignals_pipeline import dates
from imagesignals_pipeline.activity import printable

IDENTICAL = 100
MAX_LABEL_CHARACTERS = 60
BY_WAY = "by way of another copy"
"""What a sentence says where copy and original were not compared with each other."""
LEAST_AT_ODDS = 3
"""Later pictures, parted from each other, that make an earlier one a crop that tells nothing. Of
3,248 copies of sets in which each original has some thirty, 5 are lost by it; with two 20."""


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
    """Two pictures that were compared; `explanation` says what was done to the copy."""

    pixels_a: bytes
    pixels_b: bytes
    percentage: int
    explanation: str
    same_picture: bool = True


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
    neighbours, parted = _neighbours(pictures, edges)
    neighbours = _telling(neighbours, parted)
    roots = _merged(_joined(len(pictures), neighbours, parted), neighbours, parted)
    found: dict[UUID, Link] = {}
    for root in sorted(set(roots)):
        for other, way in _ways(root, neighbours, roots).items():
            copies = pictures[other] if other != root else pictures[root][1:]
            found.update((copy.id, _link(copy, pictures[root][0], way)) for copy in copies)
    return found


def remark(flat_id: str, earlier_flat_id: str, earlier_created_at: datetime) -> str:
    """Say what an altered copy is: words alone, for it is no duplicate and nobody is accused."""
    whose = f"{_whose(flat_id, earlier_flat_id)} submission of {_day(earlier_created_at)}"
    # `unsettled` and a check know by its beginning that a row which says so is no copy.
    return f"No duplicate: agrees with {whose} except in one place."


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


def _neighbours(
    pictures: Sequence[Picture], edges: Iterable[Edge]
) -> tuple[dict[int, dict[int, Edge]], set[tuple[int, int]]]:
    """Return each picture's neighbours with the strongest edge to each, and who is parted.

    Pairs that are parted name the earlier picture first.
    """
    numbers = {member.pixels: n for n, picture in enumerate(pictures) for member in picture}
    neighbours: defaultdict[int, dict[int, Edge]] = defaultdict(dict)
    parted: set[tuple[int, int]] = set()
    for edge in sorted(edges, key=lambda each: (each.percentage, each.explanation)):
        a, b = numbers.get(edge.pixels_a), numbers.get(edge.pixels_b)
        if a is None or b is None or a == b:
            continue
        if edge.same_picture:
            neighbours[a][b] = neighbours[b][a] = edge
        else:
            parted.add((min(a, b), max(a, b)))
    return neighbours, parted


def _telling(
    neighbours: Mapping[int, Mapping[int, Edge]], parted: Iterable[tuple[int, int]]
) -> dict[int, dict[int, Edge]]:
    """Return the edges without those of a picture that is the same as others which are parted.

    It shows nothing that tells these apart, as a crop without date and reference does: it is a copy
    of the likest earlier one of them, and no other one is its copy. Where it came before all of
    them, two may be an original's marked copies, which only seem to be parted.
    """
    foes: defaultdict[int, set[int]] = defaultdict(set)
    for a, b in parted:
        foes[a].add(b)
        foes[b].add(a)
    dropped: set[tuple[int, int]] = set()
    for picture, known in neighbours.items():
        at_odds = {one for one in known if not known.keys().isdisjoint(foes.get(one, ()))}
        earlier = [(-known[one].percentage, one) for one in at_odds if one < picture]
        if earlier:
            at_odds.remove(min(earlier)[1])
        elif len(at_odds) < LEAST_AT_ODDS:
            continue
        dropped.update((min(picture, one), max(picture, one)) for one in at_odds)
    return {
        picture: {
            other: edge
            for other, edge in known.items()
            if (min(picture, other), max(picture, other)) not in dropped
        }
        for picture, known in neighbours.items()
    }


def _joined(
    count: int,
    neighbours: Mapping[int, Mapping[int, Edge]],
    parted: Collection[tuple[int, int]],
) -> list[int]:
    """Return the root of each picture once it has joined the likest earlier one, if there is any.

    One whose root is parted from the picture does not count, and of equals the earliest does.
    Pictures are numbered in the order of submission.
    """
    roots: list[int] = []
    for picture in range(count):
        known = neighbours.get(picture, {})
        earlier = [
            (-known[other].percentage, other)
            for other in known
            if other < picture and (roots[other], picture) not in parted
        ]
        roots.append(roots[min(earlier)[1]] if earlier else picture)
    return roots


def _merged(
    roots: list[int],
    neighbours: Mapping[int, Mapping[int, Edge]],
    parted: Iterable[tuple[int, int]],
) -> list[int]:
    """Return the roots once groups are merged that an edge connects and no comparison parts.

    The strongest edges come first; a merger takes over what parts either group from others.
    """
    foes: defaultdict[int, set[int]] = defaultdict(set)
    for a, b in parted:
        foes[roots[a]].add(roots[b])
        foes[roots[b]].add(roots[a])
    between = sorted(
        (-edge.percentage, picture, other)
        for picture, known in neighbours.items()
        for other, edge in known.items()
        if other < picture and roots[other] != roots[picture]
    )
    moved: dict[int, int] = {}

    def root(picture: int) -> int:
        found = roots[picture]
        while found in moved:
            found = moved[found]
        return found

    for _, picture, other in between:
        first, second = sorted((root(picture), root(other)))
        if first == second or second in foes[first]:
            continue
        moved[second] = first
        for foe in foes.pop(second, set()):
            foes[foe].discard(second)
            foes[foe].add(first)
            foes[first].add(foe)
    return [root(picture) for picture in range(len(roots))]


def _ways(
    root: int, neighbours: Mapping[int, Mapping[int, Edge]], roots: Sequence[int]
) -> dict[int, Edge | int | None]:
    """Return how each picture of a group leads to its root.

    None is the root itself, an edge a direct comparison, and a number the weakest percentage on
    the strongest way over other copies (the widest path, found in Dijkstra's order).
    """
    strength: dict[int, int] = {}
    reached = [(-IDENTICAL, root)]
    while reached:
        weakest, picture = heapq.heappop(reached)
        if picture in strength or roots[picture] != root:
            continue
        strength[picture] = -weakest
        for neighbour, edge in neighbours.get(picture, {}).items():
            heapq.heappush(reached, (max(weakest, -edge.percentage), neighbour))
    direct = neighbours.get(root, {})
    return {**strength, **{each: direct[each] for each in strength if each in direct}, root: None}


def _link(copy: Member, original: Member, way: Edge | int | None) -> Link:
    """Say in one sentence what a copy is a copy of."""
    whose = f"{_whose(copy.flat_id, original.flat_id)} submission of {_day(original.created_at)}"
    if copy.content == original.content:
        return Link(original.id, IDENTICAL, f"Same file as {whose}.")
    if way is None:
        return Link(original.id, IDENTICAL, f"Same picture as {whose}, saved again.")
    if isinstance(way, int):
        return Link(original.id, way, f"Same screenshot as {whose}, {BY_WAY}.")
    done = way.explanation.strip().rstrip(".")
    return Link(
        original.id, way.percentage, f"Same screenshot as {whose}{f', {done}' if done else ''}."
    )


def _whose(flat_id: str, original_flat_id: str) -> str:
    """Name the flat of the original; a label that only a machine can read is not named."""
    label = printable(" ".join(original_flat_id.split()))[:MAX_LABEL_CHARACTERS]
    if label and flat_id == original_flat_id:
        return "the same flat's"
    if label and not _is_uuid(label):
        return f"flat {label}'s"
    return "another flat's" if label and flat_id.strip() else "an earlier"


def _is_uuid(label: str) -> bool:
    try:
        UUID(label)
    except ValueError:
        return False
    return True


def _day(moment: datetime) -> str:
    """Return a date, to stand in a sentence."""
    return "an unknown date" if moment == dates.EPOCH else dates.day(moment)
