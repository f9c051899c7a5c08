"""A batch has one worker at a time, whatever machine it is on."""

import threading
import time

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from imagesignals_pipeline import database, source
from imagesignals_pipeline.database import connect
from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store import alone, reading, turns

OTHERS = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


def test_a_second_worker_waits(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins when the first has ended; other batches and other runs are not in its way."""
    monkeypatch.setattr(turns, "ASK_AGAIN_S", 0.05)
    engine = create_engine(database_url, poolclass=NullPool)
    began = threading.Event()

    def second() -> None:
        with alone(engine, "run", 1):
            began.set()

    thread = threading.Thread(target=second)
    with alone(engine, "run", 1):
        thread.start()
        with alone(engine, "run", 2), alone(engine, "another run", 1):
            assert not began.wait(0.5)
    assert began.wait(10)
    thread.join()


def test_what_batches_ask_stays_prepared(database_url: str) -> None:
    """Neither holding a batch nor reading for it ends with a rollback."""
    with database.connected(database_url) as engine:
        for number in range(10):
            with alone(engine, "run", number), reading(engine) as connection:
                source.planned(connection, "run", number)
        prepared = text("select string_agg(statement, '') from pg_prepared_statements")
        with engine.begin() as holding, engine.begin() as connection:
            assert "pg_try_advisory_xact_lock" in holding.execute(prepared).scalar_one()
            assert "image_signal_batches" in connection.execute(prepared).scalar_one()


def test_a_slow_batch_keeps_its_place(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long its screenshots take, it is not taken for one whose worker is dead."""
    monkeypatch.setattr(connect, "IDLE_TIMEOUT_S", 1)
    with database.connected(database_url) as engine:
        with alone(engine, "run", 1):
            time.sleep(2)
            batch = {"batch": "run 1"}
            with engine.begin() as connection:
                assert not connection.execute(query("hold_batch"), batch).scalar_one()
        with engine.begin() as connection:
            assert connection.execute(query("hold_batch"), batch).scalar_one()


def test_who_dies_lets_go(database_url: str) -> None:
    """A worker that is killed loses its connection, and with it the batch."""
    engine = create_engine(database_url, poolclass=NullPool)

    def killed() -> None:
        with alone(engine, "run", 1):
            with engine.connect() as connection:
                connection.exec_driver_sql(OTHERS)
            with alone(engine, "run", 1):
                taken.set()

    taken = threading.Event()
    with pytest.raises(OperationalError):
        killed()
    assert taken.is_set()
