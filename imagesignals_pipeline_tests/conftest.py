"""A real PostgreSQL for every test that asks for one.

`IMAGESIGNALS_TEST_PG_BIN` names the programs to test on, such as `/usr/lib/postgresql/15/bin`;
without it they are those of the wheel.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, NullPool, create_engine, make_url, text

from imagesignals_pipeline import database, sql
from imagesignals_pipeline.database.connect import DRIVER
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

TEMPLATE = "migrated_template"
PREFIX = "imagesignals-test-"
STARTING_S = 60.0
"""A home may be that old before its session has taken the lease."""
MEMORY = Path("/dev/shm")
ROOM = 6 << 30
"""Bytes of memory that must be free; a run was seen to hold 0.4 GB at once."""

# How long an example takes says little where other programs work too.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_configure() -> None:
    """Have what tests write lie in memory: a new database takes a tenth of the time there."""
    if not MEMORY.is_dir():
        return
    if min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM:
        tempfile.tempdir = str(MEMORY)


@pytest.fixture(scope="session")
def postgres_bin() -> Path | None:
    """Directory of the PostgreSQL programs under test; None means those of the wheel."""
    named = os.environ.get("IMAGESIGNALS_TEST_PG_BIN")
    return Path(named) if named else None


@pytest.fixture(scope="session")
def postgres(postgres_bin: Path | None) -> Iterator[EmbeddedPostgres]:
    """A server for the whole session (with pytest-xdist: of one worker)."""
    _stop_servers_of_killed_sessions()
    home = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with EmbeddedPostgres(home, postgres_bin, durable=False) as server:
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)  # another session may be at it already


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> str:
    """Name of the database that every test's own is a copy of."""
    engine = database.engine(postgres.url(TEMPLATE))
    with engine.begin() as connection:
        sql.migrate(connection, create_submissions=True)
    engine.dispose()  # who is connected to a template cannot copy it
    return TEMPLATE


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a database of this test's own, without tables."""
    with _fresh_database(postgres, template="template1") as url:
        yield url


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """URL of a database of this test's own, with all tables and no rows."""
    with _fresh_database(postgres, template=migrated_template) as url:
        yield url


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection to `database_url`; what the test does not commit is rolled back."""
    engine = database.engine(database_url)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def _stop_servers_of_killed_sessions() -> None:
    """A killed session leaves its server to the next; a living one holds a lease on its own."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(EmbeddedPostgresError, FileNotFoundError):  # another user's, or gone by now
            is_new = time.time() - home.stat().st_mtime < STARTING_S
            if not is_new and EmbeddedPostgres(home).stop():
                shutil.rmtree(home)


@contextmanager
def _fresh_database(postgres: EmbeddedPostgres, *, template: str) -> Generator[str]:
    maintenance = make_url(postgres.url("postgres"))
    engine = create_engine(maintenance, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid4().hex}"
    with engine.connect() as administrator:
        administrator.execute(text(f"create database {name} template {template}"))
    yield maintenance.set(drivername=DRIVER, database=name).render_as_string(hide_password=False)
    with engine.connect() as administrator:
        administrator.execute(text(f"drop database {name} with (force)"))
