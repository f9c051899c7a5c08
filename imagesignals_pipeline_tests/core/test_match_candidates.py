"""The coarse and the middle stage: few candidates, the right one among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesignals_pipeline import match
from imagesignals_pipeline.match.candidates import DESCRIBED, MAX_BITS, SHAPES
from imagesignals_pipeline_tests.core.test_match_pictures import COPIES, receipt

WORDS = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.integers(0, SHAPES - 1)), min_size=0, max_size=6
)


def described(words: list[tuple[int, int]]) -> bytes:
    """Return a descriptor of these codes and shapes."""
    return np.array(words, DESCRIBED).tobytes()


def plain_score(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> float:
    """Score two descriptors word by word."""

    def found(word: tuple[int, int], among: list[tuple[int, int]]) -> bool:
        return any(
            (word[0] ^ each[0]).bit_count() <= MAX_BITS and abs(word[1] - each[1]) <= 1
            for each in among
        )

    shared = sum(found(word, other) for word in one) + sum(found(word, one) for word in other)
    return shared / max(len(one) + len(other), 1)


@settings(deadline=None)  # the machine is shared; the work is bounded by the sizes
@given(st.lists(WORDS, max_size=5), WORDS)
def test_scores_agree_with_the_plain_way(
    stored: list[list[tuple[int, int]]], one: list[tuple[int, int]]
) -> None:
    """The index scores like comparing word by word, also after a picture was replaced."""
    near = [(code ^ 0b1011, shape) for code, shape in one]
    candidates = match.Candidates()
    candidates.put(b"near", described(one[:1]))
    for number, words in enumerate(stored):
        candidates.put(bytes([number]), described(words))
    candidates.put(b"near", described(near))
    expected = [plain_score(words, one) for words in (near, *stored)]
    assert candidates.keys == [b"near", *(bytes([number]) for number in range(len(stored)))]
    assert candidates.scores(described(one)).tolist() == pytest.approx(expected)


@settings(deadline=None)  # as above
@given(WORDS, WORDS)
def test_scores_are_symmetric(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """A score is a function of the pair, to the last bit."""
    forth, back = match.Candidates(), match.Candidates()
    forth.put(b"", described(one))
    back.put(b"", described(other))
    assert forth.scores(described(other)).tolist() == back.scores(described(one)).tolist()


def test_the_original_is_proposed_first_among_look_alikes() -> None:
    """Of many receipts of the same app the right one is compared, and only a few are."""
    payloads = [match.fingerprint(receipt(seed)) for seed in range(30)]
    candidates = match.Candidates()
    for number, payload in enumerate(payloads):
        candidates.put(bytes([number]), match.descriptor(payload))
    for name in ("JPEG 30", "half the size", "cropped at the top", "circled"):
        copy = match.fingerprint(COPIES[name](receipt(17)))
        scores = candidates.scores(match.descriptor(copy))
        assert scores.argmax() == 17, name
        chosen = match.promising(copy, payloads)
        assert chosen[0] == 17, name
        assert len(chosen) <= match.MAX_COMPARISONS


def test_pictures_without_common_words_are_not_compared() -> None:
    """What cannot be laid on the other picture is not worth a comparison."""
    assert match.promising(match.fingerprint(receipt(1)), []) == []


def test_blank_pictures_have_no_descriptor() -> None:
    """A picture that shows nothing scores 0 with everything."""
    candidates = match.Candidates()
    candidates.put(b"blank", match.descriptor(b""))
    candidates.put(b"receipt", match.descriptor(match.fingerprint(receipt(1))))
    assert candidates.scores(match.descriptor(b"")).tolist() == [0, 0]
