"""The one place that knows the matching room: what it offers, as the evaluation needs it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from imagesignals_pipeline import match
from imagesignals_pipeline_tests.evaluation.judges import Ruling, Tier
from imagesignals_pipeline_tests.evaluation.measure import Fingerprinter, Measured, each

TIERS = {
    match.Tier.SAME_PICTURE: Tier.SAME_PICTURE,
    match.Tier.ALTERED_COPY: Tier.CHANGED,
    match.Tier.SAME_TEMPLATE: Tier.SAME_APP,
    match.Tier.DIFFERENT: Tier.NOTHING,
}


class Index(Protocol):
    """The coarse stage: which earlier pictures might be the same."""

    def add(self, pixels: bytes, payload: bytes) -> None:
        """Take one more picture in; `pixels` is its digest, the number its place."""
        ...

    def propose(self, payload: bytes) -> Sequence[int]:
        """Return the places of a bounded number of pictures, the likeliest first."""
        ...


Compared = tuple[Tier, int, bool]
"""What a comparison comes to, how alike the two are in percent, and whether it parts them."""


class Matcher(Protocol):
    """What the evaluation asks of a matcher; it must be picklable."""

    @property
    def fingerprint(self) -> Fingerprinter:
        """What makes a payload of an upright RGB picture; empty for one that shows nothing."""
        ...

    def index(self) -> Index:
        """Return an empty index."""
        ...

    def compare(self, payload: bytes, candidates: Sequence[bytes]) -> Mapping[int, Compared]:
        """Compare with the few candidates worth it; return what each number comes to."""
        ...


class Ours:
    """`imagesignals_pipeline.match`, asked as `imagesignals_pipeline.matching` asks it."""

    fingerprint = staticmethod(match.fingerprint)

    def index(self) -> Index:
        """Return the coarse stage."""
        return _Words()

    def compare(self, payload: bytes, candidates: Sequence[bytes]) -> Mapping[int, Compared]:
        """Let the middle stage choose, then compare."""
        guesses = match.aligned(payload, dict(enumerate(candidates)))
        looked_at = {number: (candidates[number], guess) for number, guess in guesses.items()}
        looks = match.glances(payload, looked_at)
        chosen = {number: (candidates[number], looks[number]) for number in match.promising(looks)}
        verdicts = match.verdicts(payload, chosen)
        return {
            number: (TIERS[verdict.tier], verdict.similarity_percentage, verdict.parted)
            for number, verdict in verdicts.items()
        }


class _Words:
    """Candidates by words in common, among all pictures."""

    def __init__(self) -> None:
        self._pixels: list[bytes] = []
        self._descriptors: list[bytes] = []

    def add(self, pixels: bytes, payload: bytes) -> None:
        self._pixels.append(pixels)
        self._descriptors.append(match.descriptor(payload))

    def propose(self, payload: bytes) -> Sequence[int]:
        scores = match.Candidates(self._descriptors).scores(match.descriptor(payload))
        likely = sorted(
            np.flatnonzero(scores > 0), key=lambda row: (-scores[row], self._pixels[row])
        )
        return [int(row) for row in likely[: match.MAX_CANDIDATES]]


@dataclass(frozen=True, slots=True)
class _Search:
    """A picture that neither bytes nor pixels settle, with the numbers of its candidates."""

    number: int
    candidates: Sequence[int]
    seconds: float


def rule(matcher: Matcher, measured: Sequence[Measured], *, jobs: int = 1) -> list[Ruling]:
    """Match each picture against all before it: bytes, then pixels, then the matcher.

    A picture without a payload (blank, near-empty) matches nothing but its own bytes. Candidates
    do not depend on verdicts, so that the comparisons may be shared among `jobs` processes.
    """
    settled = _settle(matcher.index(), measured)
    searches = [one for one in settled if isinstance(one, _Search)]
    payloads = [
        (measured[one.number].payload, [measured[other].payload for other in one.candidates])
        for one in searches
    ]
    compared = iter(each(partial(_compare, matcher), payloads, jobs))
    return [_ruling(one, *next(compared)) if isinstance(one, _Search) else one for one in settled]


def _settle(index: Index, measured: Sequence[Measured]) -> list[Ruling | _Search]:
    """Look at bytes and pixels, and propose candidates for the rest, in order of submission."""
    contents: dict[bytes, int] = {}
    pixels: dict[bytes, int] = {}
    places: list[int] = []
    settled: list[Ruling | _Search] = []
    for number, one in enumerate(measured):
        same_bytes = contents.setdefault(one.content_sha256, number)
        same_pixels = pixels.setdefault(one.pixels_sha256, number) if one.payload else number
        if same_bytes != number:
            settled.append(Ruling(Tier.SAME_BYTES, same_bytes))
        elif not one.payload:
            settled.append(Ruling(Tier.NOTHING))
        elif same_pixels != number:
            settled.append(Ruling(Tier.SAME_PIXELS, same_pixels))
        else:
            started = time.process_time()
            candidates = [places[place] for place in index.propose(one.payload)]
            settled.append(_Search(number, candidates, time.process_time() - started))
            index.add(one.pixels_sha256, one.payload)
            places.append(number)
    return settled


def _compare(
    matcher: Matcher, payloads: tuple[bytes, Sequence[bytes]]
) -> tuple[Mapping[int, Compared], float]:
    started = time.process_time()
    return matcher.compare(*payloads), time.process_time() - started


def _ruling(search: _Search, compared: Mapping[int, Compared], seconds: float) -> Ruling:
    """Let the best tier count, and of equals the earliest picture."""
    cost = Ruling(Tier.NOTHING, comparisons=len(compared), seconds=search.seconds + seconds)
    best = min(
        (tier for tier, _, _ in compared.values()), key=list(Tier).index, default=Tier.NOTHING
    )
    if best is Tier.NOTHING:
        return cost
    seen = sorted((search.candidates[number], *found) for number, found in compared.items())
    alike = [(number, percentage) for number, tier, percentage, _ in seen if tier is best]
    apart = tuple(number for number, _, _, parted in seen if parted)
    if not best.is_duplicate:
        return replace(cost, tier=best, other=alike[0][0], apart=apart)
    numbers, percentages = zip(*alike, strict=True)
    return replace(
        cost,
        tier=best,
        other=numbers[0],
        also=numbers[1:],
        percentages=percentages,
        apart=apart,
    )
