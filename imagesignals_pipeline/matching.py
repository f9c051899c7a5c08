"""Which stored pictures are the same, settled so that the order of arrival does not matter.

Every picture has a place: that of its first submission. It is compared with the few earlier
pictures that its descriptor finds most alike, so the comparisons are a function of the set of
pictures alone. When a picture arrives, moves or goes, exactly those later pictures are looked at
again that had, or would have, named it. Pictures that arrive in order cost nothing but their own
comparisons.
"""

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from imagesignals_pipeline import match
from imagesignals_pipeline.store import pictures
from imagesignals_pipeline.store.pictures import Comparison, Moved, Order, Pixels, Placed

PORTION = 100
"""Pictures whose payloads are in memory at once, together with those of their candidates."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLACE = np.dtype(
    [("time", "<i8"), ("high", "<u8"), ("low", "<u8"), ("shown", "?"), ("worst", "<f4")]
)

Mask = NDArray[np.bool_]


class Catalogue:
    """What the coarse stage knows of every picture of one database.

    Read whole once, then only what has changed. Memory: each picture's descriptor and 200 bytes.
    """

    def __init__(self) -> None:
        self.forget()

    @contextmanager
    def forgetting(self) -> Generator[None]:
        """Forget everything if this fails: what was read in a transaction that failed is not so."""
        try:
            yield
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Start over."""
        self._change = 0
        self._rows: dict[Pixels, int] = {}
        self._keys: list[Pixels] = []
        self._descriptors: list[bytes] = []
        self._places = np.zeros(0, PLACE)
        self._candidates = match.Candidates()

    def refresh(self, connection: Connection) -> None:
        """Read what has changed since the last time."""
        fresh = pictures.placed_since(connection, match.ALGORITHM_VERSION, self._change)
        new = {each.pixels for each in fresh} - self._rows.keys()
        self._places = np.concatenate([self._places, np.zeros(len(new), PLACE)])
        for each in fresh:
            self._change = max(self._change, each.change)
            self._put(each)

    def named_by(self, pixels: Pixels) -> tuple[list[Pixels], float]:
        """Return the earlier pictures most like this one, best first, and the least one's score.

        Ties go to the smaller digest. The score is 0 while there is room for more.
        """
        row = self._rows[pixels]
        scores = np.where(self._before(self._places[row]), self._scores(row), 0)
        likely = np.flatnonzero(scores > 0)
        best = sorted(likely, key=lambda other: (-scores[other], self._keys[other]))
        best = best[: match.MAX_CANDIDATES]
        full = len(best) == match.MAX_CANDIDATES
        return [self._keys[other] for other in best], float(scores[best[-1]]) if full else 0.0

    def concerned(self, moved: Iterable[Moved]) -> set[Pixels]:
        """Return the pictures whose candidates may differ now that these have moved."""
        again: set[Pixels] = set()
        for each in moved:
            row = self._rows.get(each.pixels)
            if row is None:
                continue
            again |= {each.pixels} if each.order else set()
            passed = self._between(each.order, each.known_order)
            if passed.any():
                scores = self._scores(row)
                naming = passed & (scores > 0) & (scores >= self._places["worst"])
                again |= {self._keys[other] for other in np.flatnonzero(naming)}
        return again

    def first_submissions(self, some: Iterable[Pixels]) -> set[UUID]:
        """Return the first submission of each of the pictures."""
        places = self._places[[self._rows[each] for each in some]]
        return {UUID(int=(int(each["high"]) << 64) | int(each["low"])) for each in places}

    def _put(self, picture: Placed) -> None:
        row = self._rows.get(picture.pixels)
        if row is None:
            row = self._rows[picture.pixels] = len(self._keys)
            self._keys.append(picture.pixels)
            self._descriptors.append(b"")
        if self._descriptors[row] != picture.descriptor:
            self._descriptors[row] = picture.descriptor
            self._candidates.put(picture.pixels, picture.descriptor)
        self._places[row] = _place(picture.order, picture.worst_score)

    def _scores(self, row: int) -> NDArray[np.float32]:
        return self._candidates.scores(self._descriptors[row])

    def _before(self, place: np.void) -> Mask:
        """Return which pictures are shown, and were before this place."""
        all_ = self._places
        earlier_id = (all_["high"] < place["high"]) | (
            (all_["high"] == place["high"]) & (all_["low"] < place["low"])
        )
        same_time = all_["time"] == place["time"]
        return all_["shown"] & ((all_["time"] < place["time"]) | (same_time & earlier_id))

    def _between(self, one: Order | None, other: Order | None) -> Mask:
        """Return which pictures are later than one of two places but not than both."""
        places = [_place(order, 0) for order in (one, other) if order]
        earlier = [self._before(place) for place in places]
        nowhere = np.zeros(len(self._places), dtype=bool)
        if len(earlier) == 1:
            return self._places["shown"] & ~earlier[0]
        return earlier[0] ^ earlier[1] if earlier else nowhere


@dataclass(frozen=True, slots=True)
class Settled:
    """How many pictures had moved, and the first submissions of those compared anew for it."""

    moved: int
    submissions: frozenset[UUID]


def settle(
    connection: Connection,
    catalogue: Catalogue,
    submissions: Collection[UUID] | None = None,
    *,
    limit: int | None = None,
) -> Settled:
    """Compare what has to be compared; the links are settled afterwards.

    Args:
        connection: In the writers' turn. If it is rolled back, the catalogue must forget it.
        catalogue: Of this database.
        submissions: Whose pictures may be new or other ones; None looks at all, also at what
            deleted submissions left behind.
        limit: Most pictures at once; the rest is for the next call.
    """
    moved = pictures.moved(connection, match.ALGORITHM_VERSION, submissions, limit)
    if not moved:
        return Settled(0, frozenset())
    descriptors = {each.pixels: match.descriptor(each.payload) for each in moved if each.payload}
    pictures.place(connection, match.ALGORITHM_VERSION, moved, descriptors)
    catalogue.refresh(connection)
    gone = [each.pixels for each in moved if each.order is None]
    pictures.replace_comparisons(connection, match.ALGORITHM_VERSION, gone, ())
    pictures.forget_outdated_comparisons(
        connection, match.ALGORITHM_VERSION, [each.pixels for each in moved]
    )
    again = sorted(catalogue.concerned(moved))
    for start in range(0, len(again), PORTION):
        _compare(connection, catalogue, again[start : start + PORTION])
    return Settled(len(moved), frozenset(catalogue.first_submissions(again)))


def _compare(connection: Connection, catalogue: Catalogue, later: Sequence[Pixels]) -> None:
    """Let each picture name its candidates, and compare it with them."""
    named = {each: catalogue.named_by(each) for each in later}
    everyone = {*later, *(other for others, _ in named.values() for other in others)}
    payloads = pictures.payloads(connection, match.ALGORITHM_VERSION, everyone)
    known = {
        (each.later, each.earlier): each
        for each in pictures.comparisons(connection, match.ALGORITHM_VERSION, later)
    }
    fresh = [
        comparison
        for each, (others, _) in named.items()
        for comparison in _compared(each, others, payloads, known)
    ]
    pictures.replace_comparisons(connection, match.ALGORITHM_VERSION, later, fresh)
    pictures.save_worst_scores(connection, {each: worst for each, (_, worst) in named.items()})


def _compared(
    later: Pixels,
    candidates: Sequence[Pixels],
    payloads: Mapping[Pixels, bytes],
    known: Mapping[tuple[Pixels, Pixels], Comparison],
) -> list[Comparison]:
    """Return what a picture and the most promising of its candidates come to."""
    chosen = match.promising(payloads[later], [payloads[each] for each in candidates])
    found: list[Comparison] = []
    for earlier in (candidates[number] for number in chosen):
        comparison = known.get((later, earlier))
        if comparison is None:
            verdict = match.compare(payloads[later], payloads[earlier])
            comparison = Comparison(
                later,
                earlier,
                verdict.same_picture,
                verdict.similarity_percentage,
                verdict.explanation,
                verdict.parted,
                verdict.altered_copy,
            )
        found.append(comparison)
    return found


def _place(order: Order | None, worst_score: float) -> np.void:
    """Return a place as numbers that compare like (created_at, id)."""
    place = np.zeros(1, PLACE)[0]
    if order:
        created_at, id_ = order
        place["time"] = (created_at - EPOCH) // (datetime.resolution)
        place["high"], place["low"] = id_.int >> 64, id_.int & (2**64 - 1)
        place["shown"] = True
    place["worst"] = worst_score
    return place
