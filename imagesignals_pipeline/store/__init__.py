"""Writes signals, fingerprints, links and the hash index; every write is safe to repeat."""

from imagesignals_pipeline.store.decisions import (
    MAX_REVIEWER,
    Decided,
    Decision,
    DecisionRefusedError,
    record,
)
from imagesignals_pipeline.store.hash_index import IndexReport, reindex
from imagesignals_pipeline.store.links import LinkReport, link
from imagesignals_pipeline.store.pictures import forget_thumbnails
from imagesignals_pipeline.store.plans import plan
from imagesignals_pipeline.store.sealed import Resealed, ThumbnailsLockedError, reseal
from imagesignals_pipeline.store.signals import forget_withdrawn, save
from imagesignals_pipeline.store.turns import TablesBusyError, alone, in_turn, reading

__all__ = [
    "MAX_REVIEWER",
    "Decided",
    "Decision",
    "DecisionRefusedError",
    "IndexReport",
    "LinkReport",
    "Resealed",
    "TablesBusyError",
    "ThumbnailsLockedError",
    "alone",
    "forget_thumbnails",
    "forget_withdrawn",
    "in_turn",
    "link",
    "plan",
    "reading",
    "record",
    "reindex",
    "reseal",
    "save",
]
