"""The estimate of a backfill's pace, over backfills that were recorded or are made up."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from random import Random

import pytest

from imagesignals_pipeline.pace import Mark, Pace, in_words, pace

BATCH = 5


def marks(batches_s: Sequence[float]) -> list[Mark]:
    """Return what is noted of batches that took so many seconds each."""
    ends = accumulate(batches_s, initial=0.0)
    return [Mark(at_s, BATCH * number) for number, at_s in enumerate(ends)]


def told(of: Sequence[Mark]) -> Iterator[tuple[float, float, float]]:
    """Yield the share that is done, the seconds estimated to be left, and those really left."""
    end = of[-1]
    for number in range(2, len(of)):
        now = pace(of[:number], end.done)
        assert now is not None
        yield of[number - 1].done / end.done, now.left_s, end.at_s - of[number - 1].at_s


def steady(chance: Random) -> list[float]:
    """Return batches whose time varies by a third."""
    return [chance.uniform(0.67, 1.33) for _ in range(100)]


def slow_start(chance: Random) -> list[float]:
    """Return batches of which the first ones start processes and read what is stored."""
    return [9.0, 4.0, 2.0, *steady(chance)]


def slow_tail(chance: Random) -> list[float]:
    """Return batches of which the last tenth meets a storage of half the speed."""
    return [*steady(chance)[:90], *(2 * each for each in steady(chance)[:10])]


def few_slow_ones(chance: Random) -> list[float]:
    """Return batches of which one in fifty waits for a host that does not answer."""
    return [each + (4.0 if number % 50 == 25 else 0) for number, each in enumerate(steady(chance))]


def months(chance: Random) -> list[float]:
    """Return batches in runs of twenty, each of which takes a while to begin."""
    return [each + (2.0 if number % 20 == 0 else 0) for number, each in enumerate(steady(chance))]


@pytest.mark.parametrize("backfill", [steady, slow_start, slow_tail, few_slow_ones, months])
def test_the_end_is_foreseen_after_the_first_tenth(
    backfill: Callable[[Random], list[float]],
) -> None:
    """From the first tenth on, the moment of the end is right within a quarter of the whole."""
    for seed in range(20):
        so_far = marks(backfill(Random(seed)))
        for share, said_s, left_s in told(so_far):
            if share > 0.1:
                assert abs(said_s - left_s) <= 0.25 * so_far[-1].at_s, (seed, share)


@pytest.mark.parametrize("backfill", [steady, slow_start])
def test_what_is_left_is_foreseen_where_it_can_be(
    backfill: Callable[[Random], list[float]],
) -> None:
    """Where the past tells of the future, what is left is right within a quarter of itself.

    But for the last tenth: no average foretells one batch.
    """
    for seed in range(20):
        for share, said_s, left_s in told(marks(backfill(Random(seed)))):
            if 0.1 < share <= 0.9:
                assert abs(said_s - left_s) <= 0.25 * left_s, (seed, share)


RECORDED = (
    1.0, 0.9, 0.9, 1.0, 1.3, 1.2, 1.6, 1.6, 1.8, 2.0, 1.9, 2.7, 2.9, 5.3, 6.1, 6.1, 4.9, 3.4, 2.2,
    2.2, 2.2, 2.5, 7.1, 4.7, 5.2, 5.1, 8.5, 4.7, 2.1, 2.6, 2.6, 2.4, 2.4, 2.2, 3.0, 2.7, 3.4, 3.4,
    3.3, 2.9, 2.6, 3.4, 2.1, 2.7, 6.0, 5.0, 2.8, 2.7, 3.1, 2.7,
)  # fmt: skip
"""Batches of 250 screenshots into an empty database, on two cores with other work on them."""
FULL = 80
"""Screenshots after which another one has all the comparisons that it can have."""


def test_a_recorded_backfill() -> None:
    """An empty database makes the first pictures cheap, which no pace foresees; then it is right.

    So of a first backfill, the first tenth tells enough if it is a long one.
    """
    so_far = marks(RECORDED)
    for share, said_s, left_s in told(so_far):
        if share * so_far[-1].done >= FULL:
            assert abs(said_s - left_s) <= 0.25 * so_far[-1].at_s, share


def test_nothing_is_said_before_the_first_batch_has_ended() -> None:
    """Without a batch that has ended there is no pace."""
    assert pace([], 10) is None
    assert pace([Mark(3.0, 0)], 10) is None
    assert pace([Mark(3.0, 0), Mark(4.0, 0)], 10) is None  # others had done the batch


def test_more_was_done_than_was_found() -> None:
    """Submissions that came meanwhile leave nothing, not less."""
    assert pace([Mark(0.0, 0), Mark(10.0, 20)], 15) == Pace(2.0, 0.0)


def test_a_clock_that_stands_still() -> None:
    """Two batches within one tick of the clock are no division by zero."""
    now = pace([Mark(1.0, 0), Mark(1.0, 5)], 10)
    assert now is not None
    assert now.left_s < 1


@pytest.mark.parametrize(
    ("left_s", "words"),
    [(0.2, "0 seconds"), (119, "119 seconds"), (121, "2 minutes"), (7300, "2 hours")],
)
def test_words(left_s: float, words: str) -> None:
    """Short times are told in seconds, long ones in hours."""
    assert in_words(Pace(1.0, left_s)) == f"60 a minute, about {words} left"
