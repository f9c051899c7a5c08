"""Which stored pictures are the same, settled so that the order of arrival does not matter.

Every picture has a place: that of its first submission. It is compared with the few earlier
pictures that its descriptor finds most alike, so the comparisons are a function of the set of
pictures alone. When a picture arrives, moves or goes, exactly those later pictures are looked at
again that had, or would have, named it. Pictures that arrive in order cost nothing but their own
comparisons.

Which earlier pictures are asked at all:

- the first pictures of a database, five thousand, ask all before them;
- every later one asks those that share a mark with it which few pictures had by then, if the other
  bits of the words that have the mark say that these may be equal.

What everybody has (the labels of an app) is thereby left aside as soon as it is common, and the
work for a picture is bounded by its marks, however many look-alikes there are. A mark that has
become too common for one picture has for all later ones; so one more holder changes who reads the
mark for a single picture, the first that finds it too common now. Marks are kept from the moment
on that somebody reads them: of all pictures, or of none.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Guess, Look
from imagesignals_pipeline.store import marks, pictures, rechecks
from imagesignals_pipeline.store.marks import Holder
from imagesignals_pipeline.store.pictures import Comparison, Moved, Order, Pixels, Placed
from imagesignals_pipeline.workers import available_cores

RECHECKED_AT_ONCE = 50
"""Other pictures that a batch compares anew, as its own came late. More wait for the end of the
run, when each is compared once, however many batches concerned it."""
PORTION = 25
"""Pictures whose descriptors and payloads are in memory at once, with those of all they ask."""
INDEXED_AT_ONCE = 500
"""Pictures whose marks, some 85,000, are written by one statement."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a picture asks.

    Attributes:
        exhaustive: How many of the first pictures ask all before them: a society's of some years,
            at most 0.04 s each.
        rare: A mark that more pictures had before says nothing to a later one.
    """

    exhaustive: int = 5_000
    rare: int = 256


REACH: Final = Reach()


class Call(Protocol):
    """Calls a function of `match` and returns its answer; from any thread."""

    def __call__(self, function: Callable[..., T], /, *args: object) -> T:
        """Call it."""
        ...


def here(function: Callable[..., T], /, *args: object) -> T:
    """Call it in this process, where two threads do a third more than one."""
    return function(*args)


@dataclass(frozen=True, slots=True)
class Seen:
    """What pairs of pictures came to: functions of the two, whoever asks and whenever.

    Attributes:
        call: Where they are looked at.
        looks: What half their size said; the later picture comes first.
        comparisons: What those came to that were compared in full.
    """

    call: Call = here
    looks: dict[tuple[Pixels, Pixels], Look] = field(
        default_factory=dict[tuple[Pixels, Pixels], Look]
    )
    comparisons: dict[tuple[Pixels, Pixels], Comparison] = field(
        default_factory=dict[tuple[Pixels, Pixels], Comparison]
    )


@dataclass(frozen=True, slots=True)
class Settled:
    """How many pictures had moved or waited, and the first submissions of those compared for it."""

    moved: int
    submissions: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class _Looks:
    """Which candidates each picture is laid on, and what for.

    `comparable` are all that could be read of: candidates and pictures.
    """

    guesses: Mapping[Pixels, Mapping[Pixels, Guess]]
    payloads: Mapping[Pixels, bytes]
    comparable: frozenset[Pixels]


@dataclass(frozen=True, slots=True)
class _Work:
    """Pictures to be compared with those that they name; of `unknown` ones nothing was ever found.

    `done` says how many had moved, or waited.
    """

    done: int
    again: Sequence[Placed]
    unknown: frozenset[Pixels]
    indexed_from: Order | None


@dataclass(frozen=True, slots=True)
class _Move:
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


def _finish(connection: Connection, work: _Work, reach: Reach, seen: Seen) -> Settled:
    """Compare pictures with those that they name now."""
    order = sorted(work.again, key=lambda each: each.pixels)
    for start in range(0, len(order), PORTION):
        portion = order[start : start + PORTION]
        named = _named(connection, portion, reach, work.indexed_from)
        candidates = {each: others for each, (others, _) in named.items()}
        _compare(connection, candidates, work.unknown, seen)
        worst = {each: score for each, (_, score) in named.items()}
        known = {each.pixels: each.worst_score for each in portion}
        pictures.save_worst_scores(connection, dict(worst.items() - known.items()))
    return Settled(work.done, frozenset(each.order[1] for each in order if each.order))


def _move(connection: Connection, moved: Sequence[Moved], reach: Reach) -> _Work:
    """Put pictures where they stand now, and return who has to be compared for it."""
    in_order = _are_last(connection, moved, reach)
    first = [] if in_order else _first(connection, reach)
    moves, indexed_from = _place(connection, moved, reach)
    gone = [move.picture.pixels for move in moves if move.after is None]
    if gone:
        pictures.replace_comparisons(connection, match.ALGORITHM_VERSION, gone, ())
    remembered = [each.pixels for each in moved if each.remembered]
    pictures.forget_outdated_comparisons(connection, match.ALGORITHM_VERSION, remembered)
    again = [move.picture for move in moves if move.after]
    if not in_order:
        others = _concerned(connection, moves, first, reach)
        if len(others) > RECHECKED_AT_ONCE:
            rechecks.ask_for(connection, [each.number for each in others])
        else:
            again += others
        rechecks.done(connection, [each.number for each in again])
    unknown = frozenset(each.pixels for each in moved).difference(remembered)
    return _Work(len(moved), again, unknown, indexed_from)


def _are_last(connection: Connection, moved: Sequence[Moved], reach: Reach) -> bool:
    """Return whether pictures come, and went, behind all others: these are not concerned then."""
    last = pictures.last_place(connection, match.ALGORITHM_VERSION)
    places = [place for each in moved for place in (each.order, each.known_order) if place]
    if last is None or all(place[0] > last[0] for place in places):
        return True
    if not all(place > last for place in places):
        return False
    # Who reads the index counts also those of its own moment that stand behind it.
    return marks.state(connection, match.ALGORITHM_VERSION, reach.exhaustive).read_from is None


def _waiting(connection: Connection, limit: int | None, reach: Reach) -> _Work:
    """Return pictures that wait to be compared anew, and let them wait no more."""
    numbers = rechecks.waiting(connection, limit)
    rechecks.done(connection, numbers)
    known = pictures.placed(connection, numbers)
    state = marks.state(connection, match.ALGORITHM_VERSION, reach.exhaustive)
    again = [each for each in known if each.order]
    return _Work(len(numbers), again, frozenset(), state.read_from)


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
    named = _named(connection, later, reach, state.read_from)
    looks = _looks(connection, {each: others for each, (others, _) in named.items()}, own, seen)
    _on_all_cores(lambda each: _compared(each, looks, {}, seen), named)


def _first(connection: Connection, reach: Reach) -> list[int]:
    found = pictures.first(connection, match.ALGORITHM_VERSION, reach.exhaustive)
    return [each.number for each in found]


def _place(
    connection: Connection, moved: Sequence[Moved], reach: Reach
) -> tuple[list[_Move], Order | None]:
    """Remember where the pictures stand now, and let the index find them there.

    Returns:
        The moves, and the place from which on pictures read the index; None: none does.
    """
    remembered = [each.pixels for each in moved if each.remembered]
    numbers = pictures.numbers_of(connection, remembered)
    before = pictures.placed(connection, numbers)
    marks.forget(connection, _marks(before))
    described = {
        **{each.pixels: each.descriptor for each in before},
        **{each.pixels: match.descriptor(each.payload) for each in moved if each.payload},
    }
    rows = pictures.place(connection, match.ALGORITHM_VERSION, moved, described)
    placed = {each.pixels: each for each in rows}
    found = _marks(rows)
    state = marks.state(connection, match.ALGORITHM_VERSION, reach.exhaustive)
    if state.kept:
        marks.save(connection, found)
    elif state.read_from:
        _index_all(connection)
    moves = [
        _Move(picture, each.known_order, each.order, found[picture.number])
        for each in moved
        for picture in [placed[each.pixels]]
    ]
    return moves, state.read_from


def _index_all(connection: Connection) -> None:
    """Put all pictures into the index: from now on somebody reads it."""
    everyone = pictures.numbers(connection, match.ALGORITHM_VERSION)
    for start in range(0, len(everyone), INDEXED_AT_ONCE):
        numbers = everyone[start : start + INDEXED_AT_ONCE]
        some = pictures.placed(connection, numbers)
        marks.save(connection, _marks(some))


def _concerned(
    connection: Connection, moves: Sequence[_Move], first: Collection[int], reach: Reach
) -> list[Placed]:
    """Return the other pictures whose candidates may differ now that these have moved.

    Args:
        connection: The database in which they have.
        moves: All of them.
        first: Who asked all before them until now.
        reach: Whom the others ask.
    """
    now_first = _first(connection, reach)
    again = set(first) ^ set(now_first)
    readers = {move.picture.number: {*first, *now_first} for move in moves}
    by_mark: dict[int, list[_Move]] = {}
    for move in moves:
        for mark in move.marks:
            by_mark.setdefault(mark, []).append(move)
    early = marks.early_holders(
        connection, match.ALGORITHM_VERSION, by_mark, reach.rare + 1 + len(moves)
    )
    for mark, holders in early.items():
        for move in by_mark[mark]:
            readers[move.picture.number].update(
                holder.picture
                for holder in holders
                if match.may_be_equal(holder.other_bits, move.marks[mark])
            )
        again |= _crossed(holders, by_mark[mark], reach.rare)
    numbers = again.union(*readers.values()) - readers.keys()
    known = pictures.placed(connection, numbers)
    others = {each.number: each for each in known}
    for move in moves:
        passed = [
            others[number]
            for number in readers[move.picture.number] & others.keys()
            if move.passes(others[number].order)
        ]
        scores = match.Candidates([each.descriptor for each in passed]).scores(
            move.picture.descriptor
        )
        again |= {
            each.number
            for each, score in zip(passed, scores, strict=True)
            if score > 0 and score >= each.worst_score
        }
    return [others[number] for number in again & others.keys()]


def _crossed(holders: Sequence[Holder], moves: Sequence[_Move], rare: int) -> set[int]:
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


def _compare(
    connection: Connection,
    named: Mapping[Pixels, Sequence[Pixels]],
    unknown: Collection[Pixels],
    seen: Seen,
) -> None:
    """Compare each picture with those that it named; of `unknown` ones nothing was ever found."""
    own = pictures.payloads(connection, match.ALGORITHM_VERSION, named)
    looks = _looks(connection, named, own, seen)
    asked = [each for each in named if each not in unknown]
    known = {
        (each.later, each.earlier): each
        for each in pictures.comparisons(connection, match.ALGORITHM_VERSION, asked)
    }

    def compared(each: Pixels) -> list[Comparison]:
        # Without a payload nothing can be compared anew, and what is known stays: the thumbnail is
        # forgotten, or the last submission was deleted and its turn has yet to come.
        comparable = looks.comparable if each in own else frozenset[Pixels]()
        absent = [one for one in named[each] if one not in comparable]
        kept = [known[each, one] for one in absent if (each, one) in known]
        return kept + _compared(each, looks, known, seen)

    fresh = [comparison for found in _on_all_cores(compared, named) for comparison in found]
    pictures.replace_comparisons(connection, match.ALGORITHM_VERSION, asked, fresh)


def _on_all_cores(work: Callable[[Pixels], T], tasks: Iterable[Pixels]) -> list[T]:
    # In threads, which wait for other processes, or are inside OpenCV and NumPy most of the time.
    pool = ThreadPoolExecutor(available_cores(), thread_name_prefix="comparison")
    try:
        return list(pool.map(work, tasks))
    finally:  # whoever interrupts it waits for the comparisons that have begun alone
        pool.shutdown(cancel_futures=True)


def _named(
    connection: Connection, later: Sequence[Placed], reach: Reach, indexed_from: Order | None
) -> dict[Pixels, tuple[list[Pixels], float]]:
    """Return for each picture the earlier ones most like it, best first, and the least's score.

    From `indexed_from` on, where that is, pictures ask those that share a mark with them.
    """
    early = {
        each.number
        for each in later
        if each.order and (not indexed_from or each.order < indexed_from)
    }
    late = [each for each in later if each.number not in early]
    moments = {each.number: each.order[0] for each in late if each.order}
    rule = marks.Rule(match.ALGORITHM_VERSION, reach.rare, match.MAX_OTHER_BITS)
    asked = marks.sharing(connection, rule, _marks(late), moments)
    first = pictures.first(connection, match.ALGORITHM_VERSION, reach.exhaustive) if early else []
    numbers = set[int]().union(*asked.values())
    known = pictures.placed(connection, numbers)
    others = {each.number: each for each in known}
    all_first = _Shelf(first)
    return {
        each.pixels: (
            all_first
            if each.number in early
            else _Shelf([others[number] for number in asked.get(each.number, ())])
        ).best(each)
        for each in later
    }


class _Shelf:
    """Pictures of which those most like another are wanted."""

    def __init__(self, held: Sequence[Placed]) -> None:
        self._held = held
        self._candidates = match.Candidates([each.descriptor for each in held])

    def best(self, picture: Placed) -> tuple[list[Pixels], float]:
        """Return the earlier ones most like this picture, best first, and the least one's score.

        Ties go to the smaller digest. The score is 0 while there is room for more.
        """
        scores = self._candidates.scores(picture.descriptor)
        earlier = [
            row
            for row in np.flatnonzero(scores > 0).tolist()
            for order in [self._held[row].order]
            if order and picture.order and order < picture.order
        ]
        best = sorted(earlier, key=lambda row: (-scores[row], self._held[row].pixels))
        best = best[: match.MAX_CANDIDATES]
        full = len(best) == match.MAX_CANDIDATES
        return [self._held[row].pixels for row in best], float(scores[best[-1]]) if full else 0.0


def _looks(
    connection: Connection,
    named: Mapping[Pixels, Sequence[Pixels]],
    own: Mapping[Pixels, bytes],
    seen: Seen,
) -> _Looks:
    """Read what it takes to see which candidates are worth a look, and then those alone, whole.

    Args:
        connection: Is only read.
        named: Pictures, and their candidates.
        own: The payloads of these pictures, where they have one.
        seen: Says where to look.
    """
    candidates = {other for others in named.values() for other in others}.difference(own)
    heads = {
        **own,
        **pictures.heads(connection, match.ALGORITHM_VERSION, candidates, match.HEAD_BYTES),
    }

    def aligned(each: Pixels) -> dict[Pixels, Guess]:
        others = {one: heads[one] for one in named[each] if one in heads}
        return seen.call(match.aligned, own[each][: match.HEAD_BYTES], others)

    guesses = dict(zip(own, _on_all_cores(aligned, own), strict=True))
    looked_at = {other for others in guesses.values() for other in others}.difference(own)
    payloads = {**own, **pictures.payloads(connection, match.ALGORITHM_VERSION, looked_at)}
    return _Looks(guesses, payloads, frozenset(heads).difference(looked_at.difference(payloads)))


def _compared(
    later: Pixels,
    looks: _Looks,
    known: Mapping[tuple[Pixels, Pixels], Comparison],
    seen: Seen,
) -> list[Comparison]:
    """Return what a picture and the most promising of its candidates come to."""
    payloads = looks.payloads
    looked_at = {
        other: (payloads[other], guess)
        for other, guess in looks.guesses.get(later, {}).items()
        if other in payloads
    }
    unseen = {other: both for other, both in looked_at.items() if (later, other) not in seen.looks}
    if unseen:
        fresh = seen.call(match.glances, payloads[later], unseen)
        seen.looks.update({(later, other): look for other, look in fresh.items()})
    said = {other: seen.looks[later, other] for other in looked_at}
    chosen = match.promising(said)
    found = {
        earlier: comparison
        for earlier in chosen
        for comparison in [known.get((later, earlier)) or seen.comparisons.get((later, earlier))]
        if comparison
    }
    others = {
        earlier: (payloads[earlier], said[earlier]) for earlier in chosen if earlier not in found
    }
    if others:
        for earlier, verdict in seen.call(match.verdicts, payloads[later], others).items():
            found[earlier] = seen.comparisons[later, earlier] = Comparison(
                later,
                earlier,
                verdict.same_picture,
                verdict.similarity_percentage,
                verdict.explanation,
                verdict.parted,
                verdict.altered_copy,
            )
    return [found[earlier] for earlier in chosen]


def _marks(some: Iterable[Placed]) -> dict[int, dict[int, int]]:
    return {each.number: match.marks(each.descriptor) for each in some}
