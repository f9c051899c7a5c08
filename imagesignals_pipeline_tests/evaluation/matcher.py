"""The one place that knows the matching room: what it offers, as the evaluation needs it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from imagesignals_pipeline import match
from imagesignals_pipeline_tests.evaluation.judges import Ruling, Tier
from imagesignals_pipeline_tests.evaluation.measure import Fingerprinter, Measured


class Index(Protocol):
    """Candidates: which earlier pictures are worth an expensive comparison."""

    def add(self, number: int, payload: bytes) -> None:
        """Take one more picture in."""
        ...

    def propose(self, payload: bytes) -> Sequence[int]:
        """Return a bounded number of earlier pictures, the likeliest first."""
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


@dataclass(frozen=True, slots=True)
class _Found:
    """A candidate with what the comparison said."""

    tier: Tier
    original: int
    number: int


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
        self._originals: list[int] = []

    def rule(self, number: int) -> Ruling:
        """Match one picture against all before it, then remember it."""
        started = time.process_time()
        ruling = self._search(number)
        spent = time.process_time() - started
        self._remember(number, ruling)
        return Ruling(ruling.tier, ruling.other, ruling.comparisons, spent)

    def _search(self, number: int) -> Ruling:
        one = self._measured[number]
        if (same := self._bytes.get(one.content_sha256)) is not None:
            return Ruling(Tier.SAME_BYTES, same)
        if not one.payload:
            return Ruling(Tier.NOTHING)
        if (same := self._pixels.get(one.pixels_sha256)) is not None:
            return Ruling(Tier.SAME_PIXELS, same)
        return self._compared(one.payload)

    def _compared(self, payload: bytes) -> Ruling:
        """Compare all candidates: of the duplicates the one with the earliest original counts."""
        found = [
            _Found(
                self._matcher.compare(payload, self._measured[earlier].payload),
                self._originals[earlier],
                earlier,
            )
            for earlier in self._index.propose(payload)
        ]
        related = [one for one in found if one.tier is not Tier.NOTHING]
        if not related:
            return Ruling(Tier.NOTHING, comparisons=len(found))
        order = list(Tier)
        best = min(related, key=lambda one: (order.index(one.tier), one.original, one.number))
        return Ruling(best.tier, best.number, len(found))

    def _remember(self, number: int, ruling: Ruling) -> None:
        one = self._measured[number]
        linked = ruling.tier.is_duplicate and ruling.other is not None
        self._originals.append(self._originals[ruling.other or 0] if linked else number)
        self._bytes.setdefault(one.content_sha256, number)
        if one.payload:
            self._pixels.setdefault(one.pixels_sha256, number)
            self._index.add(number, one.payload)


class Ours:
    """`imagesignals_pipeline.match`."""

    fingerprint = staticmethod(match.fingerprint)

    def index(self) -> Index:
        """Return the room's index of candidates."""
        return _NoIndex()

    def compare(self, payload: bytes, earlier: bytes) -> Tier:
        """Compare two payloads."""
        del payload, earlier
        return Tier.NOTHING


class _NoIndex:
    """Version 1 of the room knows digests only."""

    def add(self, number: int, payload: bytes) -> None:
        del number, payload

    def propose(self, payload: bytes) -> Sequence[int]:
        del payload
        return ()
