"""How fast a backfill goes and how long it has left: a function of when its batches ended."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """How many submissions were done at a moment, in seconds of any clock that only goes on."""

    at_s: float
    done: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Submissions a second, and seconds until the last one is done."""

    per_s: float
    left_s: float


def pace(marks: Sequence[Mark], total: int) -> Pace | None:
    """Return the pace of all but the first third of what is done.

    So a slow start (of processes, of connections) soon counts no more, a change of
    pace is followed, and a single slow batch has others beside it. rich's own estimate looks back
    for half a minute, in which a batch of a slow storage may not even end.

    What it cannot foresee: in an empty database the first pictures have few others to be compared
    with, and are quick. It tells too little time until about eighty are there.

    Args:
        marks: When the first batch began, with none done, and when each batch ended.
        total: Submissions of this backfill.

    Returns:
        None before the first batch has ended.
    """
    if not marks or marks[-1].done == 0:
        return None
    newest = marks[-1]
    since = marks[bisect_right(marks, newest.done // 3, key=lambda mark: mark.done) - 1]
    return of(newest.done - since.done, newest.at_s - since.at_s, total - newest.done)


def of(done: int, seconds: float, left: int) -> Pace:
    """Return the pace of what was done in some seconds, and how long the rest will take."""
    per_s = done / max(seconds, 1e-3)
    return Pace(per_s, max(0, left) / per_s)


def in_words(now: Pace) -> str:
    """Say it as one does: two figures are as exact as it is.

    >>> in_words(Pace(per_s=2.5, left_s=460)), in_words(Pace(per_s=0.31, left_s=42))
    ('150 a minute, about 8 minutes left', '19 a minute, about 42 seconds left')
    >>> in_words(Pace(per_s=2.5, left_s=0.9))
    '150 a minute, about 1 second left'
    """
    minutes, hours = now.left_s / 60, now.left_s / 3600
    if minutes < 2:  # noqa: PLR2004 - below, seconds tell more
        left = f"{now.left_s:.0f} seconds"
    elif hours < 2:  # noqa: PLR2004
        left = f"{minutes:.0f} minutes"
    else:
        left = f"{hours:.0f} hours"
    if left.startswith("1 "):
        left = left.removesuffix("s")
    return f"{60 * now.per_s:.0f} a minute, about {left} left"
