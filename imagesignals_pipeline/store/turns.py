"""Who works when: writers take turns, give way to the live application; one worker a batch."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.sql import query, states

TURN_TIMEOUT = "60s"
"""Longest wait for another writer of the pipeline."""
GIVE_WAY_AFTER = "500ms"
"""Below PostgreSQL's deadlock_timeout (1 s), after which one of two programs that wait for each
other is thrown out: in a knot of locks it is we who step back, never the live application."""
ATTEMPTS = 20
PAUSE_S = 0.2

ASK_AGAIN_S = 1.0

_IN_TURN = "imagesignals_in_turn"

TRANSIENT = frozenset({states.LOCK_NOT_AVAILABLE, states.DEADLOCK, states.DELETED_MEANWHILE})

T = TypeVar("T")


class TablesBusyError(OperatorError):
    """Other writers did not let go of the tables in time."""

    def __init__(self) -> None:
        super().__init__("Other programs keep the image signal tables locked: run it again later.")


def in_turn(
    connection: Connection, write: Callable[[], T], meanwhile: Callable[[], None] | None = None
) -> T:
    """Return what `write` returns, run as the only writer of the pipeline until the commit.

    A row that the live application holds is waited for only briefly: what `write` did is rolled
    back, so that nobody can wait for us in a circle, and it is called again. So is a write that
    met a submission deleted at that moment. Several writes that belong together are one turn: wrap
    them all, and those inside do not roll back by themselves.

    Args:
        connection: In a transaction of the caller's.
        write: Writes.
        meanwhile: Is called once, in the same transaction and without the lock, when others have
            the turn: reads and reckons while it waits.

    Raises:
        TablesBusyError: Nothing was written: the turn did not come within a minute, or the rows
            were not free within some seconds.
    """
    if connection.info.get(_IN_TURN):
        return write()
    _take_turn(connection, meanwhile)
    for _ in range(ATTEMPTS):
        try:
            with _marked(connection), connection.begin_nested():
                connection.execute(query("write_settings"), {"lock_timeout": GIVE_WAY_AFTER})
                return write()
        except DBAPIError as error:
            if states.sqlstate(error) not in TRANSIENT:
                raise
        time.sleep(PAUSE_S)
    raise TablesBusyError


@contextmanager
def alone(engine: Engine, run_id: str, number: int) -> Generator[None]:
    """Work on a batch alone: wait until nobody else does; who dies lets go of it.

    Workers on other machines may be given a batch whose worker is only slow. It shall not fetch
    twice at the same time what one place in the pool was taken for. The transaction that holds the
    batch touches no table: while pictures are fetched, nobody's ALTER TABLE has to wait.
    """
    with engine.begin() as connection:  # its transaction holds the lock, also behind a pooler
        batch = {"batch": f"{run_id} {number}"}
        while not connection.execute(query("hold_batch"), batch).scalar_one():
            time.sleep(ASK_AGAIN_S)
        yield


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """Read for a batch, with the plans of the batch before."""
    with engine.begin() as connection:
        connection.execute(query("keep_plans"))
        yield connection


@contextmanager
def _marked(connection: Connection) -> Generator[None]:
    """Let the writes inside a turn know that they are."""
    info = connection.info  # a connection that was lost meanwhile would not tell it any more
    info[_IN_TURN] = True
    try:
        yield
    finally:
        info.pop(_IN_TURN, None)


def _take_turn(connection: Connection, meanwhile: Callable[[], None] | None) -> None:
    if connection.execute(query("lock_writes_at_once")).scalar_one():
        return
    connection.execute(query("write_settings"), {"lock_timeout": TURN_TIMEOUT})
    if meanwhile is not None:
        meanwhile()
    try:
        connection.execute(query("lock_writes"))
    except DBAPIError as error:
        if states.sqlstate(error) != states.LOCK_NOT_AVAILABLE:
            raise
        raise TablesBusyError from None
