"""The middle stage: which few of the candidates are worth a full comparison."""

from collections.abc import Sequence
from typing import Final

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


def promising(
    packed: bytes, candidates: Sequence[bytes], glances: Glances | None = None
) -> list[int]:
    """Return the numbers of the few candidates worth a full comparison, the likeliest first.

    Those whose words agree most are laid on the picture at half size, and the share of the text
    that agrees then decides: it tells one month's receipt from the next where equal words do not,
    because the original was stored as a poor JPEG and its look-alikes are clean. Ties go to more
    agreeing words, then to the earlier number.

    Args:
        packed: The picture's payload.
        candidates: Those of others.
        glances: What was seen of some of the pairs before; may be used by several threads.
    """
    glances = glances or Glances()
    one = payload.unpack(packed)
    guesses = [alignment.propose(one.words, payload.unpack(other).words) for other in candidates]
    order = sorted(
        (number for number, guess in enumerate(guesses) if guess.agreeing >= MIN_AGREEING),
        key=lambda number: (-guesses[number].agreeing, -guesses[number].likeness, number),
    )
    seen = {
        number: glances.share(packed, candidates[number], guesses[number])
        for place, number in enumerate(order[:MAX_GLANCES])
        if place < SURE_GLANCES
        or guesses[number].agreeing >= LEAST_SHARE * guesses[order[0]].agreeing
    }
    best = sorted(seen, key=lambda number: -seen[number])
    return [number for number in best[:MAX_COMPARISONS] if seen[number] >= LEAST_ALIKE]
