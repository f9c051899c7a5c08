"""Which earlier pictures a picture asks.

- The first pictures of a database, five thousand, ask all before them;
- every later one asks those that share a mark with it which few pictures had by then, if the other
  bits of the words that have the mark say that these may be equal.

What everybody has (the labels of an app) is thereby left aside as soon as it is common, and the
work for a picture is bounded by its marks, however many look-alikes there are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection

from imagesignals_pipeline import match
from imagesignals_pipeline.store import marks, pictures
from imagesignals_pipeline.store.pictures import Order, Pixels, Placed


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


def named(
    connection: Connection, later: Sequence[Placed], reach: Reach, indexed_from: Order | None
) -> dict[Pixels, tuple[list[Pixels], float]]:
    """Return for each picture the earlier ones most like it, best first, and the least's score.

    From `indexed_from` on, where that is, pictures ask those that share a mark with them. Marks of
    pictures that are no longer known, as after a table was emptied by hand, lead to nobody.
    """
    early = {
        each.number
        for each in later
        if each.order and (not indexed_from or each.order < indexed_from)
    }
    late = [each for each in later if each.number not in early]
    moments = {each.number: each.order[0] for each in late if each.order}
    rule = marks.Rule(match.ALGORITHM_VERSION, reach.rare, match.MAX_OTHER_BITS)
    asked = marks.sharing(connection, rule, marks_of(late), moments)
    first = pictures.first(connection, match.ALGORITHM_VERSION, reach.exhaustive) if early else []
    numbers = set[int]().union(*asked.values())
    known = pictures.placed(connection, numbers)
    others = {each.number: each for each in known}
    all_first = _Shelf(first)
    return {
        each.pixels: (
            all_first
            if each.number in early
            else _Shelf([others[one] for one in asked.get(each.number, ()) if one in others])
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


def marks_of(some: Iterable[Placed]) -> dict[int, dict[int, int]]:
    """Return the marks of each picture by its number, as `match.marks` finds them."""
    return {each.number: match.marks(each.descriptor) for each in some}
