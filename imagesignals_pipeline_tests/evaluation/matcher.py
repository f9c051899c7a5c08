"""The one place that knows the matching room: what it offers, as the evaluation needs it."""

import time
from collections.abc import Sequence
from typing import Protocol, assert_never

import numpy as np

from imagesignals_pipeline import match
from imagesignals_pipeline_tests.evaluation.judges import Ruling, Tier
from imagesignals_pipeline_tests.evaluation.measure import Fingerprinter, Measured


class Index(Protocol):
    """Candidates: which earlier pictures are worth an expensive comparison."""

    def add(self, pixels: bytes, payload: bytes) -> None:
        """Take one more picture in; `pixels` is its digest, the number its place."""
        ...

    def propose(self, payload: bytes) -> Sequence[int]:
        """Return the places of a bounded number of pictures, the likeliest first."""
        ...


class Matcher(Protocol):
    """What the evaluation asks of a matcher."""

    @property
    def fingerprint(self) -> Fingerprinter:
        """What makes a payload of an upright RGB picture; empty for one that shows nothing."""
        ...

    def index(self) -> Index:
        """Return an empty index."""
        ...

    def compare(self, payload: bytes, earlier: bytes) -> Tier:
        """Align two pictures and say how they relate."""
        ...


class Ours:
    """`imagesignals_pipeline.match`, asked as `imagesignals_pipeline.matching` asks it."""

    fingerprint = staticmethod(match.fingerprint)

    def index(self) -> Index:
        """Return the coarse and the middle stage over stored payloads."""
        return _TwoStages()

    def compare(self, payload: bytes, earlier: bytes) -> Tier:
        """Translate the verdict."""
        tier = match.compare(payload, earlier).tier
        match_tier = match.Tier
        if tier is match_tier.SAME_PICTURE:
            return Tier.SAME_PICTURE
        if tier is match_tier.ALTERED_COPY:
            return Tier.CHANGED
        if tier is match_tier.SAME_TEMPLATE:
            return Tier.SAME_APP
        if tier is match_tier.DIFFERENT:
            return Tier.NOTHING
        assert_never(tier)


class _TwoStages:
    """Candidates by words in common, the most promising of them by words in the same places."""

    def __init__(self) -> None:
        self._candidates = match.Candidates()
        self._payloads: list[bytes] = []

    def add(self, pixels: bytes, payload: bytes) -> None:
        self._candidates.put(pixels, match.descriptor(payload))
        self._payloads.append(payload)

    def propose(self, payload: bytes) -> Sequence[int]:
        scores = self._candidates.scores(match.descriptor(payload))
        keys = self._candidates.keys
        likely = sorted(np.flatnonzero(scores > 0), key=lambda row: (-scores[row], keys[row]))
        best = [int(row) for row in likely[: match.MAX_CANDIDATES]]
        chosen = match.promising(payload, [self._payloads[row] for row in best])
        return [best[number] for number in chosen]


class MatcherJudge:
    """Same bytes, then same pixels, then the matcher's candidates and its comparisons.

    A picture without a payload (blank, near-empty) matches nothing but its own bytes.
    """

    def __init__(self, matcher: Matcher, measured: Sequence[Measured]) -> None:
        self._matcher = matcher
        self._measured = measured
        self._index = matcher.index()
        self._bytes: dict[bytes, int] = {}
        self._pixels: dict[bytes, int] = {}
        self._places: list[int] = []

    def rule(self, number: int) -> Ruling:
        """Match one picture against all before it, then remember it."""
        one = self._measured[number]
        same = self._bytes.setdefault(one.content_sha256, number)
        if same != number:
            return Ruling(Tier.SAME_BYTES, same)
        if not one.payload:
            return Ruling(Tier.NOTHING)
        same = self._pixels.setdefault(one.pixels_sha256, number)
        if same != number:
            return Ruling(Tier.SAME_PIXELS, same)
        ruling = self._compared(one)
        self._index.add(one.pixels_sha256, one.payload)
        self._places.append(number)
        return ruling

    def _compared(self, one: Measured) -> Ruling:
        """Compare all candidates; the best tier counts, of equals the earliest picture."""
        started = time.process_time()
        earlier = sorted(self._places[place] for place in self._index.propose(one.payload))
        tiers = [
            self._matcher.compare(one.payload, self._measured[other].payload) for other in earlier
        ]
        spent = time.process_time() - started
        order = list(Tier)
        best = min(tiers, key=order.index, default=Tier.NOTHING)
        alike = tuple(other for other, tier in zip(earlier, tiers, strict=True) if tier is best)
        named = alike[0] if alike and best is not Tier.NOTHING else None
        also = alike[1:] if best.is_duplicate else ()
        return Ruling(best, named, also, len(earlier), spent)
