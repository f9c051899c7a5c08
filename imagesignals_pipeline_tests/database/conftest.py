"""Fixtures of the database rooms."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine

from imagesignals_pipeline_tests.database.society import LIVE_APPLICATION


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Connections to a database of this test's own, with all tables and no rows."""
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def live_engine(empty_database_url: str) -> Engine:
    """Connections to a database as the live application leaves it, without our migrations."""
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(LIVE_APPLICATION, execution_options={"no_parameters": True})
    return engine


@pytest.fixture
def live(live_engine: Engine) -> Iterator[Connection]:
    """A connection to the live application's database."""
    with live_engine.connect() as connection:
        yield connection
