"""A home with an embedded server and the flats in it: reset it, ask it, and judge what it holds."""

import os
import re
import socket
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from imagesignals_pipeline import database, environment, settings, sql, verify
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline_tests.faults.flats import Storage
from imagesignals_pipeline_tests.few import insert

REPORTED = re.compile(r"(?:Processed|Failed|Skipped) (F-\d+) - (.*)")
"""What tells that a submission is done, on the terminal and in Dagster's log alike."""
BACK_S = 90.0
KEPT = frozenset({"payment_submissions", "imagesignals_migrations"})
INHERITED = {
    name: value
    for name, value in os.environ.items()
    if name in {"PATH", "PYTHONPATH"} or name.startswith("COVERAGE_")
}


class Lost(AssertionError):  # noqa: N818 - it says what happened
    """Something that had been reported as processed is not there, or the tables are not right."""


@dataclass(frozen=True, slots=True)
class Place:
    """One home, its server, its storage, and the environment of all that is started there."""

    home: Path
    postgres: EmbeddedPostgres
    storage: Storage
    url: str
    dagster_url: str
    more: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def environ(self) -> dict[str, str]:
        """What an operator who has no database of their own would set."""
        return {
            **INHERITED,
            "LANG": "C.UTF-8",
            "DAGSTER_HOME": str(self.home / "dagster"),
            settings.HOME: str(self.home),
            settings.STORAGE_URL: self.storage.base_url,
            **self.more,
        }

    @property
    def engine(self) -> Engine:
        """Connections to the application's database."""
        return create_engine(self.url, poolclass=NullPool)

    @property
    def dagster(self) -> Engine:
        """Connections to Dagster's storage."""
        return create_engine(self.dagster_url, poolclass=NullPool)

    @property
    def libpq_url(self) -> str:
        """The application's database, in the spelling of psycopg2."""
        return self.url.replace("+psycopg2", "")

    def count(self, flat_id: str) -> int:
        """Return how many submissions a flat has made."""
        with self.engine.connect() as connection:
            made = text("select count(*) from payment_submissions where flat_id = :flat_id")
            return connection.execute(made, {"flat_id": flat_id}).scalar_one()

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of `imagesignals`."""
        return [str(Path(sys.executable).parent / "imagesignals"), *arguments]

    def reset(self) -> None:
        """Forget every analysis; the submissions stay."""
        with self.engine.begin() as connection:
            tables = [each for each in _tables(connection) if each not in KEPT]
            connection.execute(text(f"truncate {', '.join(tables)} cascade"))

    def digest(self) -> str:
        """Return what both tables mean, as one value."""
        with self.engine.connect() as connection:
            return verify.digest(connection)

    def last_event(self) -> int:
        """Return the number of the newest event in Dagster's log."""
        with self.dagster.connect() as connection:
            newest = text("select coalesce(max(id), 0) from event_logs")
            return connection.execute(newest).scalar_one()

    def told_since(self, event: int) -> str:
        """Return what runs have written to Dagster's log after an event, line by line."""
        with self.dagster.connect() as connection:
            written = connection.execute(
                text("select event from event_logs where id > :event and event like '% F-%'"),
                {"event": event},
            )
            return "\n".join(written.scalars()).replace(r"\n", "\n")  # the events are JSON

    def busy(self) -> list[str]:
        """Return what Dagster has not brought to an end: runs, and backfills of several."""
        with self.dagster.connect() as connection:
            waiting = text(
                "select 'run ' || status from runs where status in"
                " ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING') union all"
                " select 'backfill ' || status from bulk_actions"
                " where status in ('REQUESTED', 'CANCELING', 'FAILING')"
            )
            return list(connection.execute(waiting).scalars())

    def patiently(self) -> None:
        """Wait until the server answers again; whoever should have started it, has."""
        deadline = time.monotonic() + BACK_S
        while not self.postgres.ready():
            if time.monotonic() > deadline:
                raise Lost("The database did not come back.")
            time.sleep(0.2)

    def expect_kept(self, said: str) -> int:
        """Make sure that each submission that was reported has its row; return how many were."""
        told = {match[1]: match[2] for match in REPORTED.finditer(said)}
        with self.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "select flat_id from payment_image_signals as signals"
                    " join payment_submissions as submission"
                    " on submission.id = signals.payment_submission_id"
                )
            )
            there = {row.flat_id for row in rows}
        if missing := sorted(set(told) - there):
            raise Lost(f"Reported, but not there: {', '.join(missing)}")
        return len(told)

    def expect_whole(self, digest: str) -> None:
        """Make sure that the tables are those of an undisturbed run, and that no lock circled."""
        with self.engine.connect() as connection:
            report = verify.report(connection)
            now = verify.digest(connection)
            locked = connection.execute(
                text("select sum(deadlocks) from pg_stat_database")
            ).scalar_one()
        if now != digest:
            raise Lost(f"The digest differs: {_difference(self)}")
        if report.pending or not report.passed:
            raise Lost(f"{report.pending} pending; {[c for c in report.checks if not c.passed]}")
        if locked:
            raise Lost(f"{locked} deadlocks")


def _tables(connection: Connection) -> list[str]:
    return list(
        connection.execute(
            text("select tablename from pg_tables where schemaname = 'public'")
        ).scalars()
    )


def _difference(place: Place) -> str:
    """Return the rows, for whoever has to find out why."""
    with place.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select flat_id, analysis_status, analysis_error, similarity_percentage"
                " from payment_submissions as submission left join payment_image_signals as signals"
                " on submission.id = signals.payment_submission_id order by flat_id"
            )
        ).all()
    return "\n".join(str(tuple(row)) for row in rows)


@contextmanager
def place(home: Path, storage: Storage) -> Generator[Place]:
    """Set up a home: the server, the tables, the flats, Dagster's own folder and tables."""
    (home / "dagster").mkdir(parents=True, exist_ok=True)
    _configure(home / "dagster")
    with EmbeddedPostgres(home / "postgres") as postgres:
        urls = (
            postgres.url(environment.APPLICATION_DATABASE),
            postgres.url(environment.DAGSTER_DATABASE_OF_OWN),
        )
        engine = database.engine(urls[0])
        with engine.begin() as connection:
            sql.migrate(connection, create_submissions=True)
            insert(connection, storage.submissions, storage.base_url)
        engine.dispose()
        yield Place(home, postgres, storage, *urls)


def _configure(folder: Path) -> None:
    """Write the project's own dagster.yaml, with the two pauses short that a trial waits for."""
    text = (settings.ROOT / "dagster.yaml").read_text()
    for setting, seconds in (("poll_interval_seconds", 2), ("free_slots_after_run_end_seconds", 2)):
        text, found = re.subn(rf"{setting}: \d+", f"{setting}: {seconds}", text)
        assert found == 1, setting
    (folder / "dagster.yaml").write_text(text)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]
