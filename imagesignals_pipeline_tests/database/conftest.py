"""Fixtures of the database rooms."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from imagesignals_pipeline import match, store
from imagesignals_pipeline.model import Outcome, Submission
from imagesignals_pipeline_tests.database.society import (
    A_PDF,
    ANALYSED_AT,
    LIVE_APPLICATION,
    NOT_FOUND,
    picture,
    submit,
)


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


@pytest.fixture
def society(connection: Connection) -> list[Submission]:
    """Seven submissions after an undisturbed run: an original with two copies, and others."""
    made = [submit(connection, day, flat_id=f"F-10{day}") for day in range(7)]
    shown = [
        picture("a"),
        picture("a"),
        picture("a again", pixels="a"),
        picture("b"),
        A_PDF,
        NOT_FOUND,
        picture("c", perceptual_hash="c" * 16),
    ]
    outcomes = [Outcome(each, result) for each, result in zip(made, shown, strict=True)]
    store.save(connection, outcomes, ANALYSED_AT)
    store.link(connection)
    ours = text("update image_fingerprints set algorithm_version = :version")
    connection.execute(ours, {"version": match.ALGORITHM_VERSION})
    return made
