"""The rules of the verdict, each on a pair that differs from a plain copy in one measure alone."""

from dataclasses import replace
from functools import cache

import pytest

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Tier, payload, verdict
from imagesignals_pipeline.match.differences import Differences, Spot, differences
from imagesignals_pipeline.match.words import Words
from imagesignals_pipeline_tests.core.test_match_pictures import jpeg, receipt


@cache
def copy() -> Differences:
    """Return what is seen of a receipt and its recompressed copy."""
    pictures = receipt(1), jpeg(receipt(1), 60)
    one, other = (payload.unpack(match.fingerprint(each)) for each in pictures)
    seen = differences(one, other)
    assert seen is not None
    return seen


def spots(*strengths: float) -> tuple[Spot, ...]:
    """Return spots far from each other."""
    return tuple(Spot(strength, 50.0 * n, 9.0 * n, 1, 1) for n, strength in enumerate(strengths))


def tier(**measures: object) -> Tier:
    """Return the verdict on the copy with some measures changed."""
    return verdict._tier(replace(copy(), **measures))  # pyright: ignore[reportArgumentType]


def test_a_plain_copy_is_the_same_picture() -> None:
    """What the other tests change is the only reason for their verdicts."""
    assert tier() is Tier.SAME_PICTURE
    assert copy().correlation > verdict.CLEAR


def test_faint_spots_count_for_more_in_a_blurred_pair() -> None:
    """What a clear pair may show, a blurred one may not: its digits are as faint as its noise."""
    faint = spots(0.5, 0.3, 0.3, 0.2)
    assert tier(spots=faint) is Tier.SAME_PICTURE
    assert tier(spots=faint, correlation=0.93) is Tier.SAME_TEMPLATE
    assert tier(spots=spots(0.5, 0.3), correlation=0.93) is Tier.SAME_PICTURE


def test_less_may_differ_in_a_blurred_pair() -> None:
    """Where little is written a faint spot is a large share of it; in a clear pair it is noise."""
    assert tier(wrong=0.012) is Tier.SAME_PICTURE
    assert tier(wrong=0.012, correlation=0.93) is Tier.SAME_TEMPLATE
    assert tier(wrong=0.016) is Tier.SAME_TEMPLATE


def test_a_blurred_pair_needs_words_that_agree() -> None:
    """A few equal words do not say that the rest is the same."""
    few = int(verdict.LEAST_AGREEING * min(len(copy().a.words), len(copy().b.words)))
    few = max(few, verdict.MIN_AGREEING)
    words = copy().a.words
    several = Words(words.centre.repeat(9, 0), words.spread.repeat(9, 0), words.codes.repeat(9))
    many = replace(copy().a, words=several)
    measures = {"a": many, "b": many, "agreeing": few}
    assert tier(**measures, correlation=0.93) is Tier.SAME_TEMPLATE
    assert tier(**measures) is Tier.SAME_PICTURE


@pytest.mark.parametrize(
    ("line", "correlation", "expected"),
    [
        (4.4, 0.89, Tier.SAME_TEMPLATE),
        (4.4, 0.91, Tier.SAME_PICTURE),
        (3.7, 0.95, Tier.SAME_TEMPLATE),
        (3.7, 0.96, Tier.SAME_PICTURE),
    ],
)
def test_small_print_must_be_clear(line: float, correlation: float, expected: Tier) -> None:
    """Where digits are three pixels high a changed one leaves no spot."""
    words = copy().a.words
    low = replace(words, spread=words.spread * (line / words.height))
    small = replace(copy().a, words=low)
    assert tier(a=small, correlation=correlation) is expected
    assert tier(correlation=correlation) is Tier.SAME_PICTURE


def test_only_a_certain_digit_parts() -> None:
    """Doubt keeps nobody apart for good, and no two of the same picture are parted."""
    seen = replace(copy(), spots=spots(9.0, 9.0))
    assert verdict._is_parted(verdict._tier(seen), seen)
    doubtful = replace(copy(), spots=spots(4.0, 4.0))
    assert verdict._tier(doubtful) is Tier.SAME_TEMPLATE
    assert not verdict._is_parted(Tier.SAME_TEMPLATE, doubtful)
    assert not verdict._is_parted(Tier.DIFFERENT, seen)


def test_a_cropped_picture_and_a_marked_one_may_be_the_same() -> None:
    """Text beyond the frame counts when both have some, and so does text under strokes."""
    assert tier(beyond_a=0.3, covered_b=0.2) is Tier.SAME_PICTURE
    assert tier(beyond_a=0.2, beyond_b=0.2) is Tier.SAME_TEMPLATE
    assert tier(covered_a=0.2, covered_b=0.2) is Tier.SAME_TEMPLATE
    assert tier(beyond_a=0.5, covered_a=0.2) is Tier.SAME_TEMPLATE
    assert tier(covered_a=0.1, covered_b=0.1) is Tier.SAME_PICTURE
    assert tier(covered_a=0.1, covered_b=0.1, correlation=0.93) is Tier.SAME_TEMPLATE


def test_other_words_by_a_stroke_are_another_picture() -> None:
    """A pen adds ink: where both have some that the other lacks, something else was written."""
    assert tier(replaced=0.9, covered_a=0.2) is Tier.SAME_PICTURE
    assert tier(replaced=1.1, covered_a=0.2) is Tier.SAME_TEMPLATE


def test_other_digits_between_strokes_are_another_picture() -> None:
    """What is seen beside a ring's line counts as it would without the ring."""
    assert tier(between=2.4, foreign=0.1) is Tier.SAME_PICTURE
    assert tier(between=2.6, foreign=0.1) is Tier.SAME_TEMPLATE


def test_a_list_that_goes_on_is_another_picture() -> None:
    """A word may stand in a column by chance; a row of them was added since."""
    assert tier(rows=1, covered_a=0.1) is Tier.SAME_PICTURE
    assert tier(rows=2, covered_a=0.1) is Tier.SAME_TEMPLATE


def test_a_word_on_the_paper_of_each_is_another_picture() -> None:
    """A pen adds to one of them alone."""
    assert tier(exchanged=False, covered_a=0.1) is Tier.SAME_PICTURE
    assert tier(exchanged=True, covered_a=0.1) is Tier.SAME_TEMPLATE


def test_two_moments_of_a_thread_are_two_pictures() -> None:
    """Text of its own above in one and below in the other is no crop, however clear the pair."""
    assert tier(scrolled=0.06, beyond_a=0.3) is Tier.SAME_PICTURE
    assert tier(scrolled=0.08, beyond_a=0.3) is Tier.SAME_TEMPLATE


def test_nothing_is_said_of_a_pair_that_cannot_be_read() -> None:
    """Soft text in both pictures leaves no digit to tell from another, however well they agree."""
    assert tier(sharpness=0.7) is Tier.SAME_PICTURE
    assert tier(sharpness=0.6) is Tier.SAME_TEMPLATE
