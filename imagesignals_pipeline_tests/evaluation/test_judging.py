"""How pictures are judged and counted."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagesignals_pipeline_tests.evaluation import scoring
from imagesignals_pipeline_tests.evaluation.judges import Ruling, Tier, nearest
from imagesignals_pipeline_tests.evaluation.manifest import Entry, Kind
from imagesignals_pipeline_tests.evaluation.matcher import Compared, rule
from imagesignals_pipeline_tests.evaluation.measure import Measured

NEW = Ruling(Tier.NOTHING)


def same(*others: int) -> Ruling:
    """The same picture as all of these."""
    return Ruling(Tier.SAME_PICTURE, others[0], others[1:])


def entry(file: str, kind: Kind, copy_of: str | None = None, alteration: str = "") -> Entry:
    """Return an entry of one series."""
    return Entry(file, "tune", "app", "A-1", "series", kind, copy_of, alteration, "edited")


def test_everything_right_is_scored_so() -> None:
    """A judge that finds the copy and accuses nobody has full recall and no accusation."""
    entries = [entry("a", "honest"), entry("b", "honest"), entry("c", "copy", "a", "crop")]
    counts = scoring.score(scoring.link(entries, [NEW, NEW, same(0)]))
    assert (counts.recall.hits, counts.recall.total) == (1, 1)
    assert (counts.accused.hits, counts.accused.total, counts.alike.total) == (0, 2, 2)
    assert counts.misnamed.hits == 0


def test_each_wrong_is_counted_once() -> None:
    """A missed copy, an accused receipt, a wrong original and a forgery are told apart."""
    entries = [
        entry("a", "honest"),
        entry("b", "honest"),
        entry("c", "copy", "a", "crop"),
        entry("d", "copy", "a", "crop"),
        entry("e", "honest"),
        entry("f", "forged", "a", "amount"),
    ]
    judged = scoring.link(entries, [NEW, NEW, NEW, same(1), same(0), Ruling(Tier.CHANGED, 0)])
    counts = scoring.score(judged)
    assert str(counts.recall).split() == ["50.0%", "1", "of", "2"]
    assert (counts.accused.hits, counts.misnamed.hits, counts.elsewhere.hits) == (1, 1, 1)
    assert counts.forged["forged amount"] == {Tier.CHANGED: 1}
    assert scoring.wrongs(judged) == {
        "missed": [("c", "a")],
        "misnamed": [("d", "b")],
        "accused": [("e", "a")],
    }


def test_copy_of_a_copy_names_the_original() -> None:
    """A chain of copies leads to its first picture."""
    entries = [entry("a", "honest"), *(entry(name, "copy", "a", "crop") for name in "bcd")]
    judged = scoring.link(entries, [NEW, same(0), same(1), same(2)])
    assert [one.original for one in judged] == [None, 0, 0, 0]


def test_one_false_match_accuses_the_second_of_two_groups() -> None:
    """A picture found the same as two honest ones joins them, as it would in the tables."""
    entries = [entry("a", "honest"), entry("b", "honest"), entry("c", "copy", "a", "crop")]
    judged = scoring.link(entries, [NEW, NEW, same(0, 1)])
    assert [one.original for one in judged] == [None, 0, 0]
    assert scoring.score(judged).accused.hits == 1
    assert scoring.wrongs(judged) == {"accused": [("b", "a")]}


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=1, max_size=30))
def test_groups_are_those_of_a_plain_search(wishes: Sequence[Sequence[int]]) -> None:
    """Linking agrees with painting each picture in the colour of the earliest it is tied to."""
    links = [sorted({other for other in others if other < n}) for n, others in enumerate(wishes)]
    entries = [entry(f"{number}", "honest") for number in range(len(links))]
    judged = scoring.link(entries, [same(*others) if others else NEW for others in links])
    colours = list(range(len(links)))
    for _ in links:
        for number, others in enumerate(links):
            lowest = min(colours[each] for each in (number, *others))
            for each in (number, *others):
                colours[each] = lowest
    found = [number if one.original is None else one.original for number, one in enumerate(judged)]
    assert found == colours


@given(st.lists(st.integers(0, 255), min_size=1, max_size=20), st.integers(0, 8))
def test_hash_names_the_nearest_earlier_one(values: list[int], within: int) -> None:
    """It agrees with looking at every earlier hash in turn, oldest first."""
    rulings = nearest(np.asarray(values, np.uint8)[:, None], within)
    for number, value in enumerate(values):
        distances = [(value ^ earlier).bit_count() for earlier in values[:number]]
        ruling = rulings[number]
        if distances and min(distances) <= within:
            assert ruling.other == distances.index(min(distances))
        else:
            assert ruling.tier is Tier.NOTHING


class FirstLetters:
    """A matcher of words: the same first three letters are the same picture, one the same app."""

    def fingerprint(self, picture: Image.Image) -> bytes:
        """Not asked here: measured pictures come with their payloads."""
        del picture
        raise NotImplementedError

    def index(self) -> "Everything":
        """Return an index that proposes all."""
        return Everything()

    def compare(self, payload: bytes, candidates: Sequence[bytes]) -> dict[int, Compared]:
        """Compare letters with all."""
        return {
            number: (_tier(payload, other), 95, False) for number, other in enumerate(candidates)
        }


def _tier(payload: bytes, earlier: bytes) -> Tier:
    if payload[:3] == earlier[:3]:
        return Tier.SAME_PICTURE
    return Tier.SAME_APP if payload[:1] == earlier[:1] else Tier.NOTHING


class Everything:
    """Candidates without a bound."""

    def __init__(self) -> None:
        self._size = 0

    def add(self, pixels: bytes, payload: bytes) -> None:
        """Count one more."""
        del pixels, payload
        self._size += 1

    def propose(self, payload: bytes) -> Sequence[int]:
        """Propose all there are, latest first."""
        del payload
        return range(self._size - 1, -1, -1)


def measured(content: str, pixels: str, payload: str) -> Measured:
    """Return what would have been measured."""
    return Measured(content.encode(), pixels.encode(), payload.encode(), 0.01, 0.01)


def test_equal_bytes_and_pixels_cost_no_comparison() -> None:
    """Bytes come before pixels, pixels before the matcher, and blank pictures match bytes only."""
    rulings = rule(
        FirstLetters(),
        [
            measured("1", "a", "maple"),
            measured("1", "a", "maple"),
            measured("2", "a", "maple"),
            measured("3", "b", "mapped"),
            measured("4", "c", "moon"),
            measured("5", "d", ""),
            measured("6", "d", ""),
            measured("6", "d", ""),
        ],
    )
    assert [(one.tier, one.other, one.comparisons) for one in rulings] == [
        (Tier.NOTHING, None, 0),
        (Tier.SAME_BYTES, 0, 0),
        (Tier.SAME_PIXELS, 0, 0),
        (Tier.SAME_PICTURE, 0, 1),
        (Tier.SAME_APP, 0, 2),
        (Tier.NOTHING, None, 0),
        (Tier.NOTHING, None, 0),
        (Tier.SAME_BYTES, 6, 0),
    ]


@pytest.mark.parametrize(("one", "other"), list(combinations(("maple", "mapped", "mapping"), 2)))
def test_all_that_are_the_same_are_named(one: str, other: str) -> None:
    """A third copy is tied to both earlier ones, the earliest first."""
    rulings = rule(
        FirstLetters(),
        [measured("1", "a", one), measured("2", "b", other), measured("3", "c", "map")],
    )
    assert (rulings[2].other, rulings[2].also, rulings[2].apart) == (0, (1,), ())
    assert rulings[2].percentages == (95, 95)


def test_a_direct_look_acquits() -> None:
    """A poor copy that is like two receipts does not tie together those that were told apart."""
    entries = [entry("a", "honest"), entry("b", "honest"), entry("c", "copy", "b", "crop")]
    apart = Ruling(Tier.SAME_APP, 0, apart=(0,))
    alike = Ruling(Tier.SAME_PICTURE, 0, (1,), percentages=(93, 97))
    judged = scoring.link(entries, [NEW, apart, alike])
    assert [one.original for one in judged] == [None, None, 1]
