"""What stops a whole run: the batch that met it says so, and those after it repeat it at once.

The batches of a run are siblings: when one of them fails, Dagster goes on with all others, and each
would ask the storage, or wait for the database, only to hear the same. Each process learns for
itself, and a run that is executed again is another run.
"""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from imagesignals_pipeline import database
from imagesignals_pipeline.backfill import NotPlannedError
from imagesignals_pipeline.defs.resources import plain_failures
from imagesignals_pipeline.fetch import StorageMisconfiguredError
from imagesignals_pipeline.store import ThumbnailsLockedError
from imagesignals_pipeline.workers import NoWorkersHereError

REMEMBERED = 20
"""Runs of which one process knows; it has one or a few at a time."""
OF_THE_RUN = (
    NotPlannedError,
    NoWorkersHereError,
    StorageMisconfiguredError,
    ThumbnailsLockedError,
)
"""What is wrong for every batch; tables that are busy, or one damaged row, are not."""

_reasons: dict[str, str] = {}


def check(run_id: str) -> None:
    """Raise what stopped the run, if this process has heard of it."""
    if run_id in _reasons:
        raise dg.Failure(_reasons[run_id], allow_retries=False)


@contextmanager
def noted(run_id: str) -> Generator[None]:
    """Turn what is foreseen into a failure of one line, and note it if it stops the whole run."""
    with plain_failures():
        try:
            yield
        except OF_THE_RUN as error:
            _note(run_id, str(error))
            raise
        except SQLAlchemyError as error:
            if database.is_lasting(error):
                _note(run_id, database.explain(error))
            raise


def _note(run_id: str, reason: str) -> None:
    _reasons[run_id] = reason
    for oldest in list(_reasons)[:-REMEMBERED]:
        del _reasons[oldest]
