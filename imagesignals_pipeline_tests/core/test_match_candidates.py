"""The coarse and the middle stage: few candidates, the right one among them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesignals_pipeline import match
from imagesignals_pipeline.match import alignment, payload, shortlist
from imagesignals_pipeline.match.candidates import DESCRIBED, MARK_ROWS, MAX_BITS, SHAPES
from imagesignals_pipeline.match.words import Words
from imagesignals_pipeline_tests.core.test_match_pictures import COPIES, jpeg, receipt, statement

WORDS = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.integers(0, SHAPES - 1)), min_size=0, max_size=6
)
PROPOSE = alignment.propose


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


@given(st.lists(WORDS, max_size=5), WORDS)
def test_scores_agree_with_the_plain_way(
    others: list[list[tuple[int, int]]], one: list[tuple[int, int]]
) -> None:
    """Many pictures are scored like comparing word by word."""
    near = [(code ^ 0b1011, shape) for code, shape in one]
    candidates = match.Candidates([described(words) for words in (near, *others)])
    expected = [plain_score(words, one) for words in (near, *others)]
    assert candidates.scores(described(one)).tolist() == pytest.approx(expected)


@given(WORDS, WORDS)
def test_scores_are_symmetric(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """A score is a function of the pair, to the last bit."""
    forth, back = match.Candidates([described(one)]), match.Candidates([described(other)])
    assert forth.scores(described(other)).tolist() == back.scores(described(one)).tolist()


def promising(picture: bytes, candidates: list[bytes]) -> list[int]:
    """Return the numbers of those worth a full comparison, aligned by their heads alone."""
    heads = {number: each[: match.HEAD_BYTES] for number, each in enumerate(candidates)}
    guesses = match.aligned(picture[: match.HEAD_BYTES], heads)
    whole = match.aligned(picture, dict(enumerate(candidates)))
    assert [(name, str(guess)) for name, guess in guesses.items()] == [
        (name, str(guess)) for name, guess in whole.items()
    ]
    looked_at = {number: (candidates[number], guess) for number, guess in guesses.items()}
    return match.promising(match.glances(picture, looked_at))


def test_the_original_is_proposed_first_among_look_alikes() -> None:
    """Of many receipts of the same app the right one is compared, and only a few are."""
    payloads = [match.fingerprint(receipt(seed)) for seed in range(30)]
    candidates = match.Candidates([match.descriptor(each) for each in payloads])
    for name in ("JPEG 30", "half the size", "cropped at the top", "circled"):
        copy = match.fingerprint(COPIES[name](receipt(17)))
        scores = candidates.scores(match.descriptor(copy))
        assert scores.argmax() == 17, name
        chosen = promising(copy, payloads)
        assert chosen[0] == 17, name
        assert len(chosen) <= match.MAX_COMPARISONS


def test_only_those_that_could_be_among_the_first_are_laid_on_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the same as laying all of them on it and choosing then."""
    payloads = [match.fingerprint(jpeg(receipt(seed), 20 + 10 * (seed % 7))) for seed in range(14)]
    payloads += [match.fingerprint(statement(seed)) for seed in range(4)]
    laid: list[object] = []

    def counted(a: Words, b: Words, equal: alignment.Pairs) -> match.Guess:
        laid.append(equal)
        return PROPOSE(a, b, equal)

    monkeypatch.setattr(shortlist, "MAX_GLANCES", 4)
    monkeypatch.setattr(alignment, "propose", counted)
    for picture in payloads:
        guesses = [lie(picture, each) for each in payloads]
        best = sorted(
            range(len(payloads)),
            key=lambda each: (-guesses[each].agreeing, -guesses[each].likeness),
        )
        aligned = match.aligned(picture, dict(enumerate(payloads)))
        assert list(aligned) == best[:4]
        assert [str(aligned[each]) for each in best[:4]] == [
            str(guesses[each]) for each in best[:4]
        ]
    assert len(laid) < 0.7 * len(payloads) ** 2


def lie(one: bytes, other: bytes) -> match.Guess:
    """Return how two pictures lie on each other."""
    a, b = map(payload.words_of, sorted((one, other)))
    return PROPOSE(a, b)


def test_a_verdict_after_a_look_is_that_of_a_comparison() -> None:
    """That half the size was looked at before changes nothing."""
    picture = match.fingerprint(receipt(3))
    others = [match.fingerprint(receipt(seed)) for seed in range(6)]
    others += [match.fingerprint(alter(receipt(3))) for alter in COPIES.values()]
    guesses = match.aligned(picture, dict(enumerate(others)))
    looks = match.glances(picture, {each: (others[each], guesses[each]) for each in guesses})
    chosen = {each: (others[each], looks[each]) for each in match.promising(looks)}
    assert any(look.parted for look in looks.values())
    assert match.verdicts(picture, chosen) == {
        each: match.compare(picture, others[each]) for each in chosen
    }
    parted = {each: (others[each], look) for each, look in looks.items() if look.parted}
    assert match.verdicts(picture, parted) == {
        each: match.compare(picture, others[each]) for each in parted
    }


def test_a_poor_original_comes_before_its_clean_look_alikes() -> None:
    """More words agree with a clean receipt of another month; at half size it is told apart."""
    original = match.fingerprint(jpeg(receipt(17), 8))
    copy = match.fingerprint(jpeg(receipt(17), 30))
    others = [match.fingerprint(receipt(seed)) for seed in (6, 10, 15)]
    assert promising(copy, [*others, original])[0] == len(others)


def test_a_look_alike_with_other_details_all_over_is_not_compared() -> None:
    """Where a fifth of the text differs already at half size, a full comparison tells no more."""
    one, other = (match.fingerprint(statement(seed, words=3, every=1)) for seed in (1, 3))
    assert promising(one, [other, one]) == [1]


def test_pictures_without_common_words_are_not_compared() -> None:
    """What cannot be laid on the other picture is not worth a comparison."""
    assert promising(match.fingerprint(receipt(1)), []) == []


def test_blank_pictures_have_no_descriptor() -> None:
    """A picture that shows nothing scores 0 with everything, and has no mark."""
    receipts = [match.descriptor(each) for each in (b"", match.fingerprint(receipt(1)))]
    assert match.Candidates(receipts).scores(match.descriptor(b"")).tolist() == [0, 0]
    assert match.Candidates([]).scores(receipts[1]).tolist() == []
    assert match.marks(match.descriptor(b"")) == {}


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63)))
def test_a_mark_is_a_part_of_a_code(code: int, flipped: set[int]) -> None:
    """A word keeps a mark exactly where no bit of it has changed, and other bits say the rest."""
    other = code ^ sum(1 << bit for bit in flipped)
    one, two = (match.marks(described([(each, 10)])) for each in (code, other))
    assert len(one) == len(two) == len(MARK_ROWS)
    for (mark, bits), (its_mark, its_bits), rows in zip(
        one.items(), two.items(), MARK_ROWS, strict=True
    ):
        lowest = {16 * row + bit for row in rows for bit in range(1, 8)}
        (left_out,) = {0, 1, 2, 3}.difference(rows)
        beside = {16 * row + bit for row in rows for bit in range(8, 16)}
        beside |= {16 * left_out + bit for bit in range(8)}
        assert (mark == its_mark) is not bool(lowest & flipped)
        changed = len(beside & flipped)
        assert match.may_be_equal(bits, its_bits) is (changed <= match.MAX_OTHER_BITS)


def test_of_two_words_with_one_mark_the_larger_counts() -> None:
    """Words are listed by size, and an index has one entry for a picture and a mark."""
    one, two = 1 << 8, 2 << 8
    alone = [match.marks(described([(each, 10)])) for each in (one, two)]
    assert alone[0].keys() == alone[1].keys()
    assert match.marks(described([(one, 10), (two, 10)])) == alone[0]
    assert match.marks(described([(two, 10), (one, 10)])) == alone[1]


def test_a_copy_shares_marks_with_its_original() -> None:
    """Recompressed, resized or cropped, a receipt is still found by what it has in common."""
    original = match.marks(match.descriptor(match.fingerprint(receipt(3))))
    for name in ("JPEG 30", "half the size", "cropped at the top"):
        copy = match.marks(match.descriptor(match.fingerprint(COPIES[name](receipt(3)))))
        equal = [
            mark
            for mark in original.keys() & copy.keys()
            if match.may_be_equal(original[mark], copy[mark])
        ]
        assert len(equal) >= 3, name
