"""Connections that are bounded in time, and say who they are.

They work directly and behind a pooler in transaction mode (PgBouncer, Supabase's). Such a pooler
refuses startup parameters that it does not know, and hands what `SET` changes to strangers: so
limits and the time zone are set anew in each transaction, where they end with it. That costs one
round trip a transaction. Nor does it know the statements that were prepared on another of its
connections: they are prepared where the server answers itself. What a batch asks is then planned
once and not with each batch, which spares the server about a third of its work.

Transactions that only read are committed too: at a rollback the driver forgets what it prepared.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import psycopg
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError

from imagesignals_pipeline.database.errors import explain, withhold_values
from imagesignals_pipeline.database.urls import normalise
from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.sql import OLDEST_SERVER

STATEMENT_TIMEOUT_S = 300
"""Far more than a statement of ours takes; ends one that a broken plan made endless."""
LOCK_TIMEOUT_S = 60
"""Longer than any of our transactions holds a lock that another one waits for."""
IDLE_TIMEOUT_S = 1800
"""After this long between two statements the server takes us for dead and frees our locks."""
LIMITS = (
    "select set_config('statement_timeout', %s::text, true),"
    " set_config('lock_timeout', %s::text, true),"
    " set_config('idle_in_transaction_session_timeout', %s::text, true),"
    " set_config('timezone', 'UTC', true)"
)
UNLIMITED_TRANSACTION = ", set_config('transaction_timeout', '0', true)"
"""A host's own limit would end the transaction that holds a batch while pictures are fetched."""
FIRST_WITH_TRANSACTION_TIMEOUT = (17,)
DRIVER = "postgresql+psycopg"
CONNECTING: Mapping[str, str] = MappingProxyType(
    {
        "application_name": "imagesignals",
        "client_encoding": "utf8",
        "connect_timeout": "10",  # seconds, for each address of the host
        "keepalives_idle": "30",  # seconds; a dead peer is noticed a minute later
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "60000",  # milliseconds; the same while data is on its way
    }
)
"""libpq's own options and the two startup parameters that every pooler knows; a URL may differ."""
RECYCLE_S = 300
"""Poolers and firewalls drop idle connections silently."""


class DatabaseUnusableError(OperatorError):
    """The database cannot be used as it is; the text is one line that says what to do."""


def engine(
    url: str | URL,
    *,
    statement_timeout_s: int = STATEMENT_TIMEOUT_S,
    lock_timeout_s: int = LOCK_TIMEOUT_S,
) -> Engine:
    """Return an engine for a database; nothing connects yet.

    Its errors quote neither parameters nor rows. A transaction can widen its limits by
    `set_config(..., is_local => true)`.

    Args:
        url: In any spelling that `normalise` takes.
        statement_timeout_s: Longest that one statement may take; 0 for no limit.
        lock_timeout_s: Longest that one may wait for a lock, advisory ones included.

    Raises:
        DatabaseMisconfiguredError: The URL is none.
    """
    address = normalise(url if isinstance(url, str) else url.render_as_string(hide_password=False))
    made = create_engine(
        address.set(drivername=DRIVER),
        connect_args=options(address),
        hide_parameters=True,
        isolation_level="READ COMMITTED",  # whoever waited for a turn sees what was done
        pool_size=5,
        max_overflow=5,
        pool_use_lifo=True,  # the connection used last has the plans of our statements
        pool_recycle=RECYCLE_S,
        use_native_hstore=False,  # would ask for its types on each new connection
    )
    event.listen(made, "connect", _prepare_where_possible)
    event.listen(made, "connect", _send_arrays_in_binary)
    event.listen(made, "checkout", _require_alive)
    event.listen(made, "begin", _limits(statement_timeout_s, lock_timeout_s))
    event.listen(made, "handle_error", withhold_values)
    return made


def options(address: URL, **others: str) -> dict[str, str]:
    """Return what to connect with, and what others add; the address has the last word."""
    return {k: v for k, v in {**CONNECTING, **others}.items() if k not in address.query}


@contextmanager
def connected(url: str | URL, **limits: int) -> Generator[Engine]:
    """Yield an `engine` with its limits, and close its connections at the end."""
    made = engine(url, **limits)
    try:
        yield made
    finally:
        made.dispose()


def check(engine: Engine) -> None:
    """Connect, and make sure that the server is one that we can work with.

    Raises:
        DatabaseUnusableError: It is not, or cannot be reached.
    """
    try:
        with engine.begin() as connection:
            version, encoding = connection.exec_driver_sql(
                "select current_setting('server_version_num'), current_setting('server_encoding')"
            ).one()
    except SQLAlchemyError as error:
        reason = explain(error)
    else:
        reason = _too_old(int(version)) or _without_encoding(encoding)
    if reason:
        raise DatabaseUnusableError(reason)


def _prepare_where_possible(connection: psycopg.Connection, _: object) -> None:
    """Prepare statements only where the server itself answers, which knows its own process."""
    answer = connection.execute("select pg_backend_pid()").fetchone()
    connection.rollback()
    if answer != (connection.info.backend_pid,):
        connection.prepare_threshold = None


def _require_alive(connection: psycopg.Connection, *_: object) -> None:
    """Have another connection made where this one has ended while it was idle.

    SQLAlchemy's own `pool_pre_ping` makes an error of the driver out of an interrupt that comes
    then: a run that was cancelled would go on with its next step.
    """
    try:
        connection.autocommit = True
        connection.execute(";")
        connection.autocommit = False
    except psycopg.OperationalError as lost:
        raise InvalidatePoolError from lost


def _send_arrays_in_binary(connection: psycopg.Connection, _: object) -> None:
    """Spare the server the parsing of digests and fingerprints; the driver would write them out."""
    connection.adapters.register_dumper(list, ListBinaryDumper)


def _limits(statement_timeout_s: int, lock_timeout_s: int) -> Callable[[Connection], None]:
    """Return what makes a new transaction bounded in time, and its clock UTC."""
    values = (1000 * statement_timeout_s, 1000 * lock_timeout_s, 1000 * IDLE_TIMEOUT_S)

    def limit(connection: Connection) -> None:
        version = connection.dialect.server_version_info or ()
        newer = version >= FIRST_WITH_TRANSACTION_TIMEOUT
        connection.exec_driver_sql(LIMITS + UNLIMITED_TRANSACTION if newer else LIMITS, values)

    return limit


def _too_old(version_number: int) -> str:
    """Return what to say of a server's version (140005 is 14.5), or nothing."""
    major = version_number // 10_000
    if major >= OLDEST_SERVER:
        return ""
    return f"The database server is PostgreSQL {major}: it must be {OLDEST_SERVER} or newer."


def _without_encoding(name: str) -> str:
    """Return what to say of a database that does not know what its bytes mean, or nothing."""
    if name != "SQL_ASCII":
        return ""
    return (
        "The database has the encoding SQL_ASCII, in which letters beyond ASCII cannot be read: "
        "dump it, and restore it into one made with ENCODING 'UTF8' TEMPLATE template0."
    )
