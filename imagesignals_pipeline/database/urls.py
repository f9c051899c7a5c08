"""Database URLs: every spelling that people paste, turned into one."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote

import psycopg2
from psycopg2.extensions import make_dsn
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from imagesignals_pipeline.model import OperatorError

DRIVER = "postgresql+psycopg2"
"""SQLAlchemy 2.1 takes another driver for `postgresql://` and knows no `postgres://`."""
SCHEME = re.compile(r"postgres(ql)?(\+\w+)?", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HIGHEST_PORT = 65535
SSLMODES: Mapping[str, str] = MappingProxyType(
    {"true": "require", "1": "require", "no-verify": "require", "false": "disable", "0": "disable"}
)
"""What other drivers call libpq's modes; to drop them would be to drop a demand for TLS."""
SECRETS = frozenset({"sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
"""Parameters that every printed URL would show; they are dropped like unknown ones."""


class DatabaseMisconfiguredError(OperatorError):
    """A database URL that is none; the text names its variable and nothing of its content."""


def normalise(url: str, *, variable: str = "IMAGESIGNALS_DATABASE_URL") -> URL:
    """Return a database URL, however it was spelled, in the one form that all our libraries read.

    Any driver is replaced by ours. Parameters that only other drivers or poolers know (`pgbouncer`,
    `connection_limit`, `schema` ...) are dropped; those of libpq stay. Normalising twice changes
    nothing.

    Args:
        url: As the operator typed it.
        variable: Where it comes from, for the error.

    Raises:
        DatabaseMisconfiguredError: It is no PostgreSQL URL.
    """
    parsed = _parsed(url.strip())
    if parsed is None:  # raised here, where no other error that quotes the URL is its context
        raise DatabaseMisconfiguredError(
            f"{variable} is not the URL of a PostgreSQL database: write "
            "postgresql://USER:PASSWORD@HOST:5432/DATABASE, with special characters in the "
            "password percent-encoded (@ as %40)"
        )
    return parsed


def _parsed(text: str) -> URL | None:
    """Return the URL, or None for one that cannot be read without guessing."""
    scheme, _, rest = text.partition("://")
    if not SCHEME.fullmatch(scheme) or not rest.strip("/"):
        return None
    # A second @ belongs to a password: the host would be a part of it, and be looked up.
    if rest.count("@") > 1 or CONTROL.search(unquote(rest)):
        return None
    try:
        url = make_url(f"{DRIVER}://{rest}")
    except (ValueError, ArgumentError):
        return None
    if url.port is not None and not 0 < url.port <= HIGHEST_PORT:
        return None
    return _in_libpq_words(url)


def _in_libpq_words(url: URL) -> URL:
    """Keep the parameters that libpq knows, and put those that are parts of the URL in place."""
    given = {
        key: value if isinstance(value, str) else value[-1] for key, value in url.query.items()
    }
    query: dict[str, str | tuple[str, ...]] = {k: v for k, v in given.items() if _is_known(k)}
    if "host" in query:
        query["host"] = url.query["host"]  # several hosts are SQLAlchemy's spelling of alternatives
    mode = given.get("sslmode", given.get("ssl"))
    if mode:
        query["sslmode"] = SSLMODES.get(mode.lower(), mode.lower())
    host = unquote(url.host or "") or None
    if host and host.startswith("/"):  # a socket's directory
        query["host"] = query.get("host", host)
        host = None
    user, password = given.get("user", url.username), given.get("password", url.password)
    return URL.create(
        DRIVER,
        "" if password and user is None else user,  # without a user SQLAlchemy prints no password
        password,
        host,
        url.port,
        given.get("dbname", url.database),
        {k: v for k, v in query.items() if k not in {"user", "password", "dbname"}},
    )


def _is_known(parameter: str) -> bool:
    """Ask libpq itself whether it has a parameter."""
    try:
        make_dsn(**{parameter: "1"})
    except psycopg2.ProgrammingError:
        return False
    return parameter not in SECRETS
