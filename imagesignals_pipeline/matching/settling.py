"""Settles what pictures come to, in the writers' turn, and foresees it before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from imagesignals_pipeline import match
from imagesignals_pipeline.matching import asking, looking, moving
from imagesignals_pipeline.matching.asking import REACH, Reach
from imagesignals_pipeline.matching.looking import Seen
from imagesignals_pipeline.store import marks, pictures, rechecks
from imagesignals_pipeline.store.pictures import Comparison, Moved, Order, Pixels, Placed

RECHECKED_AT_ONCE = 50
"""Other pictures that a batch compares anew, as its own came late. More wait for the end of the
run, when each is compared once, however many batches concerned it."""
PORTION = 25
"""Pictures whose descriptors and payloads are in memory at once, with those of all they ask."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How many pictures had moved or waited, and the first submissions of those compared for it."""

    moved: int
    submissions: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class _Work:
    """Pictures to be compared with those that they name; of `unknown` ones nothing was ever found.

    `done` says how many had moved, or waited.
    """

    done: int
    again: Sequence[Placed]
    unknown: frozenset[Pixels]
    indexed_from: Order | None


def settle(
    connection: Connection,
    submissions: Collection[UUID] | None = None,
    *,
    limit: int | None = None,
    reach: Reach = REACH,
    seen: Seen | None = None,
) -> Settled:
    """Compare what came, moved or went; the links are settled afterwards.

    Args:
        connection: In the writers' turn.
        submissions: Whose pictures may be new or other ones; None looks at all, also at what
            deleted submissions left behind.
        limit: Most pictures at once; the rest is for the next call.
        reach: The same for every call on one database.
        seen: What `foresee` found out.
    """
    moved = pictures.moved(connection, match.ALGORITHM_VERSION, submissions, limit)
    if not moved:
        return Settled(0, frozenset())
    return _finish(connection, _move(connection, moved, reach), reach, seen or Seen())


def recheck(
    connection: Connection,
    *,
    limit: int | None = None,
    reach: Reach = REACH,
    seen: Seen | None = None,
) -> Settled:
    """Compare anew what waits for it, as `settle` left it; the arguments are those of `settle`."""
    return _finish(connection, _waiting(connection, limit, reach), reach, seen or Seen())


def foresee(
    connection: Connection,
    fresh: Sequence[tuple[Pixels, Order, bytes]],
    *,
    seen: Seen,
    reach: Reach = REACH,
) -> None:
    """Compare new pictures with what is stored already, before it is our turn to store them.

    `settle` then compares them with each other and with what came meanwhile.

    Args:
        connection: Is only read.
        fresh: Digest, place and payload of pictures that are perhaps new.
        seen: Takes what they come to.
        reach: As for `settle`.
    """
    own = {pixels: payload for pixels, _, payload in fresh}
    later = [
        Placed(-number, pixels, order, match.descriptor(payload), 0.0)
        for number, (pixels, order, payload) in enumerate(fresh, start=1)
    ]
    state = marks.state(connection, match.ALGORITHM_VERSION, reach.exhaustive)
    named = asking.named(connection, later, reach, state.read_from)
    candidates = {each: others for each, (others, _) in named.items()}
    aligned = looking.align(connection, candidates, own, seen)
    looking.on_all_cores(lambda each: looking.compared(each, aligned, {}, seen), candidates)


def _finish(connection: Connection, work: _Work, reach: Reach, seen: Seen) -> Settled:
    """Compare pictures with those that they name now."""
    order = sorted(work.again, key=lambda each: each.pixels)
    for start in range(0, len(order), PORTION):
        portion = order[start : start + PORTION]
        named = asking.named(connection, portion, reach, work.indexed_from)
        candidates = {each: others for each, (others, _) in named.items()}
        _compare(connection, candidates, work.unknown, seen)
        worst = {each: score for each, (_, score) in named.items()}
        known = {each.pixels: each.worst_score for each in portion}
        pictures.save_worst_scores(connection, dict(worst.items() - known.items()))
    return Settled(work.done, frozenset(each.order[1] for each in order if each.order))


def _move(connection: Connection, moved: Sequence[Moved], reach: Reach) -> _Work:
    """Put pictures where they stand now, and return who has to be compared for it."""
    in_order = moving.are_last(connection, moved, reach)
    first = [] if in_order else moving.exhaustive(connection, reach)
    moves, indexed_from = moving.place(connection, moved, reach)
    gone = [move.picture.pixels for move in moves if move.after is None]
    if gone:
        pictures.replace_comparisons(connection, match.ALGORITHM_VERSION, gone, ())
    remembered = [each.pixels for each in moved if each.remembered]
    pictures.forget_outdated_comparisons(connection, match.ALGORITHM_VERSION, remembered)
    again = [move.picture for move in moves if move.after]
    if not in_order:
        others = moving.concerned(connection, moves, first, reach)
        if len(others) > RECHECKED_AT_ONCE:
            rechecks.ask_for(connection, [each.number for each in others])
        else:
            again += others
        rechecks.done(connection, [each.number for each in again])
    if gone:
        pictures.forget_gone(connection, gone)
    unknown = frozenset(each.pixels for each in moved).difference(remembered)
    return _Work(len(moved), again, unknown, indexed_from)


def _waiting(connection: Connection, limit: int | None, reach: Reach) -> _Work:
    """Return pictures that wait to be compared anew, and let them wait no more."""
    numbers = rechecks.waiting(connection, limit)
    rechecks.done(connection, numbers)
    known = pictures.placed(connection, numbers)
    state = marks.state(connection, match.ALGORITHM_VERSION, reach.exhaustive)
    again = [each for each in known if each.order]
    return _Work(len(numbers), again, frozenset(), state.read_from)


def _compare(
    connection: Connection,
    named: Mapping[Pixels, Sequence[Pixels]],
    unknown: Collection[Pixels],
    seen: Seen,
) -> None:
    """Compare each picture with those that it named; of `unknown` ones nothing was ever found.

    Without a payload nothing can be compared anew, and what is known stays, on either side of a
    pair: the thumbnail is forgotten, or the last submission was deleted and its turn has yet to
    come.
    """
    own = pictures.payloads(connection, match.ALGORITHM_VERSION, named)
    aligned = looking.align(connection, named, own, seen)
    asked = [each for each in own if each not in unknown]
    known = {
        (each.later, each.earlier): each
        for each in pictures.comparisons(connection, match.ALGORITHM_VERSION, asked)
    }

    def compared(each: Pixels) -> list[Comparison]:
        absent = [one for one in named[each] if one not in aligned.comparable]
        kept = [known[each, one] for one in absent if (each, one) in known]
        return kept + looking.compared(each, aligned, known, seen)

    fresh = [comparison for found in looking.on_all_cores(compared, own) for comparison in found]
    pictures.replace_comparisons(connection, match.ALGORITHM_VERSION, asked, fresh)
