"""Puts pictures where they stand now, and says who has to look again for it.

When a picture arrives, moves or goes, exactly those later pictures are looked at again that had, or
would have, named it. A mark that has become too common for one picture has for all later ones; so
one more holder changes who reads the mark for a single picture, the first that finds it too common
now. Marks are kept from the moment on that somebody reads them: of all pictures, or of none.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from imagesignals_pipeline import match
from imagesignals_pipeline.matching import asking
from imagesignals_pipeline.matching.asking import Reach
from imagesignals_pipeline.store import marks, pictures
from imagesignals_pipeline.store.marks import Holder
from imagesignals_pipeline.store.pictures import Moved, Order, Placed

INDEXED_AT_ONCE = 500
"""Pictures whose marks, some 85,000, are written or forgotten by one statement."""


@dataclass(frozen=True, slots=True)
class Move:
    """A picture that moved, and where from and to; None: nowhere."""

    picture: Placed
    before: Order | None
    after: Order | None
    marks: Mapping[int, int]

    def passes(self, other: Order | None) -> bool:
        """Return whether it is before the other picture now and was not, or the reverse."""
        return other is not None and (
            (self.before is not None and self.before < other)
            != (self.after is not None and self.after < other)
        )


def are_last(connection: Connection, moved: Sequence[Moved], reach: Reach) -> bool:
    """Return whether pictures come, and went, behind all others: these are not concerned then."""
    last = pictures.last_place(connection, match.ALGORITHM_VERSION)
    places = [one for each in moved for one in (each.order, each.known_order) if one]
    if last is None or all(one[0] > last[0] for one in places):
        return True
    if not all(one > last for one in places):
        return False
    # Who reads the index counts also those of its own moment that stand behind it.
    return marks.state(connection, match.ALGORITHM_VERSION, reach.exhaustive).read_from is None


def exhaustive(connection: Connection, reach: Reach) -> list[int]:
    """Return who asks all pictures before it."""
    found = pictures.first(connection, match.ALGORITHM_VERSION, reach.exhaustive)
    return [each.number for each in found]


def place(
    connection: Connection, moved: Sequence[Moved], reach: Reach
) -> tuple[list[Move], Order | None]:
    """Remember where the pictures stand now, and let the index find them there.

    Returns:
        The moves, and the place from which on pictures read the index; None: none does.
    """
    remembered = [each.pixels for each in moved if each.remembered]
    numbers = pictures.numbers_of(connection, remembered)
    before = pictures.placed(connection, numbers)
    marks.forget(connection, asking.marks_of(before))
    described = {
        **{each.pixels: each.descriptor for each in before},
        **{each.pixels: match.descriptor(each.payload) for each in moved if each.payload},
    }
    rows = pictures.place(connection, match.ALGORITHM_VERSION, moved, described)
    placed = {each.pixels: each for each in rows}
    found = asking.marks_of(rows)
    state = marks.state(connection, match.ALGORITHM_VERSION, reach.exhaustive)
    if state.kept:
        marks.save(connection, found)
    elif state.read_from:
        _index_all(connection)
    moves = [
        Move(picture, each.known_order, each.order, found[picture.number])
        for each in moved
        for picture in [placed[each.pixels]]
    ]
    return moves, state.read_from


def forget_strays(connection: Connection) -> int:
    """Forget some pictures that other versions saw and nobody shows any more; return how many.

    To be called in the writers' turn, until it returns 0.
    """
    numbers = pictures.strays(connection, match.ALGORITHM_VERSION, INDEXED_AT_ONCE)
    if numbers:
        marks.forget(connection, asking.marks_of(pictures.placed(connection, numbers)))
        pictures.forget_strays(connection, numbers)
    return len(numbers)


def _index_all(connection: Connection) -> None:
    """Put all pictures into the index: from now on somebody reads it."""
    everyone = pictures.numbers(connection, match.ALGORITHM_VERSION)
    for start in range(0, len(everyone), INDEXED_AT_ONCE):
        numbers = everyone[start : start + INDEXED_AT_ONCE]
        some = pictures.placed(connection, numbers)
        marks.save(connection, asking.marks_of(some))


def concerned(
    connection: Connection, moves: Sequence[Move], first: Collection[int], reach: Reach
) -> list[Placed]:
    """Return the other pictures whose candidates may differ now that these have moved.

    These are: who asks all before it now and did not, or the reverse; for whom a mark has become
    too common, or is so no more; and who would have named one that moved past it, or has.

    Args:
        connection: The database in which they have.
        moves: All of them.
        first: Who asked all before them until now.
        reach: Whom the others ask.
    """
    now_first = exhaustive(connection, reach)
    by_mark: dict[int, list[Move]] = {}
    for move in moves:
        for mark in move.marks:
            by_mark.setdefault(mark, []).append(move)
    # So many that the mark is too common for the last one, also before any of the moves.
    enough = reach.rare + 1 + len(moves)
    early = marks.early_holders(connection, match.ALGORITHM_VERSION, by_mark, enough)
    again = set(first) ^ set(now_first)
    for mark, holders in early.items():
        again |= _crossed(holders, by_mark[mark], reach.rare)
    readers = {
        move.picture.number: {*first, *now_first, *_who_shares(move, early)} for move in moves
    }
    known = pictures.placed(connection, again.union(*readers.values()) - readers.keys())
    others = {each.number: each for each in known}
    for move in moves:
        asked_by = readers[move.picture.number] & others.keys()
        again |= _outdone(move, [others[number] for number in asked_by])
    return [others[number] for number in again & others.keys()]


def _who_shares(move: Move, early: Mapping[int, Sequence[Holder]]) -> set[int]:
    """Return the early holders of its marks whose words may be the same."""
    return {
        holder.picture
        for mark in move.marks.keys() & early.keys()
        for holder in early[mark]
        if match.may_be_equal(holder.other_bits, move.marks[mark])
    }


def _outdone(move: Move, readers: Sequence[Placed]) -> set[int]:
    """Return for which of its readers it is now, or was, as good as their worst candidate."""
    passed = [each for each in readers if move.passes(each.order)]
    candidates = match.Candidates([each.descriptor for each in passed])
    scores = candidates.scores(move.picture.descriptor)
    return {
        each.number
        for each, score in zip(passed, scores, strict=True)
        if score > 0 and score >= each.worst_score
    }


def _crossed(holders: Sequence[Holder], moves: Sequence[Move], rare: int) -> set[int]:
    """Return for whom a mark has become too common, or is so no more.

    Args:
        holders: The earliest pictures that have the mark now, so many that it is too common for
            the last of them, with and without the moves.
        moves: Of pictures that have it.
        rare: Earlier pictures with the mark that are not too many.
    """
    times = [holder.created_at for holder in holders]
    crossed: set[int] = set()
    for holder in holders:
        now = bisect_right(times, holder.created_at) - 1
        came = sum(move.after is not None and move.after[0] <= holder.created_at for move in moves)
        went = sum(
            move.before is not None and move.before[0] <= holder.created_at for move in moves
        )
        if (now <= rare) != (now - came + went <= rare):
            crossed.add(holder.picture)
    return crossed
