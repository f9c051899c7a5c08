"""The middle stage: which few of the candidates are worth a full comparison."""

from bisect import insort
from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

from imagesignals_pipeline.match import alignment, glance, payload
from imagesignals_pipeline.match.alignment import Guess
from imagesignals_pipeline.match.glance import Look
from imagesignals_pipeline.match.words import Words

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

    Ties go to words that are more alike, then to the earlier candidate. A guess leads from the
    payload that is sorted first to the other one.

    Args:
        head: The picture's payload, or its first `HEAD_BYTES`.
        candidates: Those of others, by whatever names them.
    """
    own = payload.words_of(head)
    words: dict[K, tuple[Words, Words]] = {}
    for name, other in candidates.items():
        its = payload.words_of(other)
        words[name] = (own, its) if head <= other else (its, own)
    equal = {name: alignment.pairs(a, b) for name, (a, b) in words.items()}
    guesses: dict[K, Guess] = {}
    agreeing: list[int] = []
    for name in sorted(equal, key=lambda name: -equal[name].most_agreeing):
        if len(agreeing) >= MAX_GLANCES and equal[name].most_agreeing < agreeing[-MAX_GLANCES]:
            break  # neither this one nor those that follow could be among the first
        guesses[name] = alignment.propose(*words[name], equal[name])
        insort(agreeing, guesses[name].agreeing)
    order = sorted(
        (name for name in candidates if name in guesses),
        key=lambda name: (-guesses[name].agreeing, -guesses[name].likeness),
    )
    return {
        name: guesses[name]
        for place, name in enumerate(order[:MAX_GLANCES])
        if guesses[name].agreeing >= MIN_AGREEING
        and (
            place < SURE_GLANCES
            or guesses[name].agreeing >= LEAST_SHARE * guesses[order[0]].agreeing
        )
    }


def glances(packed: bytes, looked_at: Mapping[K, tuple[bytes, Guess]]) -> dict[K, Look]:
    """Return what half the size says of a picture and each of some others.

    Args:
        packed: The picture's payload.
        looked_at: Those of others, and how they lie, as `aligned` says it.
    """
    looks: dict[K, Look] = {}
    for name, (other, guess) in looked_at.items():
        one, another = (payload.unpack(each) for each in sorted((packed, other)))
        looks[name] = glance.look(one, another, guess, least_share=LEAST_ALIKE)
    return looks


def promising(looks: Mapping[K, Look]) -> list[K]:
    """Return the few of those looked at that are worth a full comparison, the likeliest first.

    The share of the text that agrees at half size decides: it tells one month's receipt from the
    next where equal words do not, because the original was stored as a poor JPEG and its
    look-alikes are clean. Ties go to the earlier one, in the order of `aligned`.
    """
    best = sorted(looks, key=lambda name: -looks[name].share)
    return [name for name in best[:MAX_COMPARISONS] if looks[name].share >= LEAST_ALIKE]
