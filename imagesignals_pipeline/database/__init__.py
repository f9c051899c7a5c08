"""How we reach the application's PostgreSQL, and what we say when we do not."""

from imagesignals_pipeline.database.connect import DatabaseUnusable, check, connected, engine
from imagesignals_pipeline.database.errors import explain
from imagesignals_pipeline.database.urls import DatabaseMisconfigured, normalise

__all__ = [
    "DatabaseMisconfigured",
    "DatabaseUnusable",
    "check",
    "connected",
    "engine",
    "explain",
    "normalise",
]
