"""Fingerprints -> whether two pictures are the same, and why (pure)."""

from imagesignals_pipeline.match.alignment import Guess
from imagesignals_pipeline.match.candidates import (
    MAX_CANDIDATES,
    MAX_OTHER_BITS,
    Candidates,
    descriptor,
    marks,
    may_be_equal,
)
from imagesignals_pipeline.match.glance import Look
from imagesignals_pipeline.match.payload import (
    ALGORITHM_VERSION,
    HEAD_BYTES,
    MAX_BYTES,
    fingerprint,
    picture_of,
    words_of,
)
from imagesignals_pipeline.match.shortlist import MAX_COMPARISONS, aligned, glances, promising
from imagesignals_pipeline.match.verdict import Tier, Verdict, compare, verdicts

__all__ = [
    "ALGORITHM_VERSION",
    "HEAD_BYTES",
    "MAX_BYTES",
    "MAX_CANDIDATES",
    "MAX_COMPARISONS",
    "MAX_OTHER_BITS",
    "Candidates",
    "Guess",
    "Look",
    "Tier",
    "Verdict",
    "aligned",
    "compare",
    "descriptor",
    "fingerprint",
    "glances",
    "marks",
    "may_be_equal",
    "picture_of",
    "promising",
    "verdicts",
    "words_of",
]
