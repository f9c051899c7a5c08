"""Watches the locks of a database while others work in it."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

EVERY_S = 0.02
READERS = frozenset({"AccessShareLock", "RowShareLock"})
"""A `select` takes the first; a foreign key that looks at its row takes the second. Neither is in
the way of anybody who inserts, updates or deletes rows."""
HELD = text(
    "select distinct mode from pg_locks join pg_stat_activity using (pid)"
    " where relation = 'payment_submissions'::regclass and application_name = 'imagesignals'"
)
WAITED = text(
    "select coalesce(max(extract(epoch from clock_timestamp() - waitstart)), 0) from pg_locks"
    " where not granted"
)


@dataclass(slots=True)
class Locks:
    """What was seen: modes of our locks on `payment_submissions`, the longest wait for any lock."""

    modes: set[str] = field(default_factory=set[str])
    longest_wait_s: float = 0.0
    looks: int = 0


@contextmanager
def watched(engine: Engine) -> Generator[Locks]:
    """Look at the locks again and again, for as long as the block runs."""
    seen, over = Locks(), threading.Event()

    def watch() -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not over.wait(EVERY_S):
                seen.modes |= set(connection.execute(HELD).scalars())
                waited = float(connection.execute(WAITED).scalar_one())
                seen.longest_wait_s = max(seen.longest_wait_s, waited)
                seen.looks += 1

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
