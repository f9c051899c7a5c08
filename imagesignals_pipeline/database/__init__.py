"""How we reach the application's PostgreSQL, and what we say when we do not."""

from imagesignals_pipeline.database.connect import (
    STATEMENT_TIMEOUT_S,
    DatabaseUnusableError,
    check,
    connected,
    engine,
)
from imagesignals_pipeline.database.errors import explain, is_lasting
from imagesignals_pipeline.database.urls import DatabaseMisconfiguredError, normalise

__all__ = [
    "STATEMENT_TIMEOUT_S",
    "DatabaseMisconfiguredError",
    "DatabaseUnusableError",
    "check",
    "connected",
    "engine",
    "explain",
    "is_lasting",
    "normalise",
]
