"""The middle stage: which few of the candidates are worth a full comparison."""

from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

from imagesignals_pipeline.match import alignment, glance, payload
from imagesignals_pipeline.match.alignment import Guess

MAX_GLANCES: Final = 20
"""Candidates that are looked at, at half size, after their words were laid on each other."""
SURE_GLANCES, LEAST_SHARE = 10, 0.3
"""Beyond the first ten a candidate is looked at if it has this share of the most agreeing words. Of
1,027 copies none had its original among the others, which are a quarter of all looks."""
MAX_COMPARISONS: Final = 5
"""Candidates that pass: full comparisons for each new picture."""
LEAST_ALIKE: Final = 0.9
"""Share of the text that must agree at half size. Of 90 copies, hard ones among them, the least
alike had 0.946; most look-alikes have less than 0.9."""
MIN_AGREEING: Final = 2
"""Words in the same places without which two pictures cannot even be laid on each other."""

K = TypeVar("K", bound=Hashable)


def aligned(head: bytes, candidates: Mapping[K, bytes]) -> dict[K, Guess]:
    """Return which of the candidates are worth a look, the most agreeing first, and how they lie.

    Ties go to words that are more alike, then to the earlier candidate.

    Args:
        head: The picture's payload, or its first `HEAD_BYTES`.
        candidates: Those of others, by whatever names them.
    """
    words = payload.words_of(head)
    guesses = {
        name: guess
        for name, other in candidates.items()
        for guess in [alignment.propose(words, payload.words_of(other))]
        if guess.agreeing >= MIN_AGREEING
    }
    order = sorted(guesses, key=lambda name: (-guesses[name].agreeing, -guesses[name].likeness))
    return {
        name: guesses[name]
        for place, name in enumerate(order[:MAX_GLANCES])
        if place < SURE_GLANCES
        or guesses[name].agreeing >= LEAST_SHARE * guesses[order[0]].agreeing
    }


def glances(packed: bytes, looked_at: Mapping[K, tuple[bytes, Guess]]) -> dict[K, float]:
    """Return which share of the text agrees, from 0 to 1, once each lies on the picture.

    Args:
        packed: The picture's payload.
        looked_at: Those of others, and how they lie.
    """
    one = payload.unpack(packed)
    return {
        name: glance.agreement(one, payload.unpack(other), guess)
        for name, (other, guess) in looked_at.items()
    }


def promising(shares: Mapping[K, float]) -> list[K]:
    """Return the few of those looked at that are worth a full comparison, the likeliest first.

    The share of the text that agrees at half size decides: it tells one month's receipt from the
    next where equal words do not, because the original was stored as a poor JPEG and its
    look-alikes are clean. Ties go to the earlier one, in the order of `aligned`.
    """
    best = sorted(shares, key=lambda name: -shares[name])
    return [name for name in best[:MAX_COMPARISONS] if shares[name] >= LEAST_ALIKE]
