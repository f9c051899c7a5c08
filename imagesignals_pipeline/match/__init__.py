"""Fingerprints -> whether two pictures are the same, and why (pure)."""

from imagesignals_pipeline.match.candidates import (
    MAX_CANDIDATES,
    Candidates,
    descriptor,
    marks,
)
from imagesignals_pipeline.match.payload import ALGORITHM_VERSION, MAX_BYTES, fingerprint
from imagesignals_pipeline.match.shortlist import MAX_COMPARISONS, Glances, promising
from imagesignals_pipeline.match.verdict import Tier, Verdict, compare

__all__ = [
    "ALGORITHM_VERSION",
    "MAX_BYTES",
    "MAX_CANDIDATES",
    "MAX_COMPARISONS",
    "Candidates",
    "Glances",
    "Tier",
    "Verdict",
    "compare",
    "descriptor",
    "fingerprint",
    "marks",
    "promising",
]
