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


class Glances:
    """Remembers how alike pairs are at half size: a function of the two payloads alone."""

    def __init__(self) -> None:
        self._shares: dict[tuple[bytes, bytes], float] = {}

    def share(self, one: bytes, other: bytes, guess: Guess) -> float:
        """Return the share of the text that agrees."""
        pair = one, other
        if pair not in self._shares:
            self._shares[pair] = glance.agreement(payload.unpack(one), payload.unpack(other), guess)
        return self._shares[pair]


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


def promising(
    packed: bytes, looked_at: Mapping[K, tuple[bytes, Guess]], glances: Glances | None = None
) -> list[K]:
    """Return the few of the aligned candidates worth a full comparison, the likeliest first.

    They are laid on the picture at half size, and the share of the text that agrees decides: it
    tells one month's receipt from the next where equal words do not, because the original was
    stored as a poor JPEG and its look-alikes are clean. Ties go to the earlier one.

    Args:
        packed: The picture's payload.
        looked_at: Those of others, and how they lie, in the order of `aligned`.
        glances: What was seen of some of the pairs before; may be used by several threads.
    """
    glances = glances or Glances()
    seen = {name: glances.share(packed, *other) for name, other in looked_at.items()}
    best = sorted(seen, key=lambda name: -seen[name])
    return [name for name in best[:MAX_COMPARISONS] if seen[name] >= LEAST_ALIKE]
