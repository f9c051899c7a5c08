"""Who writes when: our writers take turns, and give way to the live application."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.sql import query

TURN_TIMEOUT = "60s"
"""Longest wait for another writer of the pipeline."""
GIVE_WAY_AFTER = "500ms"
"""Below PostgreSQL's deadlock_timeout (1 s), after which one of two programs that wait for each
other is thrown out: in a knot of locks it is we who step back, never the live application."""
ATTEMPTS = 20
PAUSE_S = 0.2

_IN_TURN = "imagesignals_in_turn"

LOCK_NOT_AVAILABLE = "55P03"
TRANSIENT = frozenset(
    {
        LOCK_NOT_AVAILABLE,
        "40P01",  # deadlock_detected
        "23503",  # foreign_key_violation: a submission was deleted between reading and writing
    }
)

T = TypeVar("T")


class TablesBusyError(OperatorError):
    """Other writers did not let go of the tables in time."""

    def __init__(self) -> None:
        super().__init__("Other programs keep the image signal tables locked: run it again later.")


def in_turn(connection: Connection, write: Callable[[], T]) -> T:
    """Return what `write` returns, run as the only writer of the pipeline until the commit.

    A row that the live application holds is waited for only briefly: what `write` did is rolled
    back, so that nobody can wait for us in a circle, and it is called again. So is a write that
    met a submission deleted at that moment. Several writes that belong together are one turn: wrap
    them all, and those inside do not roll back by themselves.

    Raises:
        TablesBusyError: Nothing was written: the turn did not come within a minute, or the rows
            were not free within some seconds.
    """
    if connection.info.get(_IN_TURN):
        return write()
    _take_turn(connection)
    for _ in range(ATTEMPTS):
        try:
            with _marked(connection), connection.begin_nested():
                connection.execute(query("write_settings"), {"lock_timeout": GIVE_WAY_AFTER})
                return write()
        except DBAPIError as error:
            if _state(error) not in TRANSIENT:
                raise
        time.sleep(PAUSE_S)
    raise TablesBusyError


@contextmanager
def _marked(connection: Connection) -> Generator[None]:
    """Let the writes inside a turn know that they are."""
    connection.info[_IN_TURN] = True
    try:
        yield
    finally:
        connection.info.pop(_IN_TURN, None)


def _take_turn(connection: Connection) -> None:
    try:
        connection.execute(query("write_settings"), {"lock_timeout": TURN_TIMEOUT})
        connection.execute(query("lock_writes"))
    except DBAPIError as error:
        if _state(error) != LOCK_NOT_AVAILABLE:
            raise
        raise TablesBusyError from None


def _state(error: DBAPIError) -> str | None:
    """Return PostgreSQL's code of an error; a lost connection has none."""
    return getattr(error.orig, "pgcode", None)
