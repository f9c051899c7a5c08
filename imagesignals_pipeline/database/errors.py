"""What the database's errors mean, without the secrets and the rows that they quote."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import psycopg
import psycopg2
import psycopg2.errorcodes as code
from sqlalchemy import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        code.INSUFFICIENT_PRIVILEGE: (
            "; grant it to the user of the database URL, or name a user who may"
        ),
        code.UNDEFINED_TABLE: "; run `imagesignals migrate`",
        code.UNDEFINED_COLUMN: "; run `imagesignals migrate`",
        code.QUERY_CANCELED: "; try again when the database has less to do",
        code.LOCK_NOT_AVAILABLE: "; another program holds a lock, try again later",
        code.READ_ONLY_SQL_TRANSACTION: "; it only reads at present (a replica, or its disk full)",
        code.DISK_FULL: "; make room on its disk",
        code.TOO_MANY_CONNECTIONS: "; close others, or raise its limit",
        code.ADMIN_SHUTDOWN: "; what was reported as processed is saved, run it again to go on",
        code.CRASH_SHUTDOWN: "; what was reported as processed is saved, run it again to go on",
    }
)
SIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "authentication failed|no password supplied|role .* does not exist|no such user"
        "|tenant or user not found": "It refused the user or the password: correct the URL.",
        "database .* does not exist|no such database": (
            "It has no database of that name: create it, or correct the end of the URL."
        ),
        "could not translate host name|failed to resolve host": (
            "There is no host of that name: correct the URL, or the network."
        ),
        "does not support SSL": "It has no TLS, but the URL demands it (sslmode).",
        "certificate|SSL error": "TLS with it failed: correct sslmode and sslrootcert in the URL.",
        "SSL off|no encryption|sslmode=require|SSL (connection )?(is )?required": (
            "It refuses us without TLS: add sslmode=require to the URL, or correct pg_hba.conf."
        ),
        "pg_hba.conf": "It refuses this machine, user or database: correct its pg_hba.conf.",
        "too many (clients|connections)|connection slots|max client": (
            "It has no free connection: close others, or raise its limit."
        ),
        "system is (starting up|shutting down|in recovery)|not yet accepting": (
            "It is starting or stopping: try again in a moment."
        ),
        "timeout expired|timed out|unreachable|no route": (
            "It does not answer: correct host and port in the URL, or the network."
        ),
        "response to SSL negotiation|expected authentication request": (
            "What answers there is not PostgreSQL: correct host and port in the URL."
        ),
        "connection refused|no such file or directory": (
            "Nothing answers there: start it, or correct host and port in the URL."
        ),
        "closed the connection|terminating connection|connection (already|has been) (closed|lost)"
        "|could not (receive|send) data|connection not open": (
            "The connection was lost: what was reported as processed is saved, run it again."
        ),
    }
)
"""What libpq, PostgreSQL and poolers say when a connection fails; the first that fits counts."""

LASTING: Final = frozenset(
    {
        code.INSUFFICIENT_PRIVILEGE,
        code.UNDEFINED_TABLE,
        code.UNDEFINED_COLUMN,
        code.READ_ONLY_SQL_TRANSACTION,
        code.DISK_FULL,
    }
)
"""What stays as it is until somebody mends it."""


DriverError = psycopg.Error | psycopg2.Error
"""Of our driver, or of the one that Dagster's storage has."""


def explain(error: SQLAlchemyError | DriverError) -> str:
    """Return one line for the operator: what the database's error means, and what to do.

    It holds no password and no row's content. Connection errors come without a code, and in the
    server's language; those we do not recognise are quoted.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, DriverError) and (state := _sqlstate(cause)):
        return f"The database refused: {_without_values(cause)}{HINTS.get(state, '')}."
    if isinstance(
        cause, psycopg.DataError | psycopg2.DataError
    ):  # our driver's own, with the value
        return "A row holds a value that cannot be read."
    text = str(cause).strip()
    meanings = (m for sign, m in SIGNS.items() if re.search(sign, text, re.IGNORECASE))
    quoted = " ".join(text.partition("(Background on")[0].split())
    return f"The database cannot be used. {next(meanings, quoted)}"


def is_lasting(error: SQLAlchemyError) -> bool:
    """Whether the next one who asks will hear the same.

    So it is where nobody is let in. A connection that was lost is no such sign: the next one may
    hold.
    """
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, DriverError) and (state := _sqlstate(cause)):
        return state in LASTING
    return isinstance(error, OperationalError) and not error.connection_invalidated


def withhold_values(context: ExceptionContext) -> None:
    """Take out of an error's text what PostgreSQL quotes of statements and rows: they hold URLs."""
    cause = context.original_exception
    if isinstance(cause, DriverError) and _sqlstate(cause):
        cause.args = (_without_values(cause),)
        if context.sqlalchemy_exception is not None:
            context.sqlalchemy_exception.args = (f"({type(cause).__name__}) {cause}",)


def _sqlstate(cause: DriverError) -> str | None:
    """Return PostgreSQL's code of an error; one of the connection itself has none."""
    return cause.sqlstate if isinstance(cause, psycopg.Error) else cause.pgcode


def _without_values(cause: DriverError) -> str:
    """Return the server's sentence, or the kind of error where the sentence quotes a value."""
    kind = type(cause).__name__
    quotes_values = (_sqlstate(cause) or "").startswith(code.CLASS_DATA_EXCEPTION)
    return kind if quotes_values else cause.diag.message_primary or kind
