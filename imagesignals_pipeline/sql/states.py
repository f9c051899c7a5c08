"""PostgreSQL's codes for errors that we have an answer to."""

from typing import Final

from psycopg import errors
from sqlalchemy.exc import DBAPIError

LOCK_NOT_AVAILABLE: Final = errors.LockNotAvailable.sqlstate
DEADLOCK: Final = errors.DeadlockDetected.sqlstate
DELETED_MEANWHILE: Final = errors.ForeignKeyViolation.sqlstate
"""A submission was deleted between reading and writing."""
NOT_ALLOWED: Final = errors.InsufficientPrivilege.sqlstate


def sqlstate(error: DBAPIError) -> str | None:
    """Return the code of an error; a lost connection has none."""
    return getattr(error.orig, "sqlstate", None)
