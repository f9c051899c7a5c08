"""Databases that are misspelt, empty, forbidden, down, or die in the middle of a batch."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

from imagesignals_pipeline import settings
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline_tests.fetch.servers import Line, Seen, Server, reply
from imagesignals_pipeline_tests.few import OCTOBER, receipt
from imagesignals_pipeline_tests.story.conftest import Operator, Said

SECRET = "s3cret-Passw0rd"
DAGSTERS_OWN = "Exception while writing logger call to event log"
"""What Dagster says on the terminal when a line does not reach its storage."""
FAST = ("backfill", "--batch-delay", "0")


def one_line(said: Said) -> str:
    """Return what a command said of its failure, which is one line without a traceback."""
    assert said.status == 1
    lines = [line for line in said.err.splitlines() if not line.startswith(DAGSTERS_OWN)]
    assert len(lines) == 1, said.err
    assert lines[0].startswith("imagesignals: ")
    assert SECRET not in said.out + said.err
    return lines[0]


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql:/user:{SECRET}@127.0.0.1/db",
        f"mysql://user:{SECRET}@127.0.0.1/db",
        f"postgresql://user:{SECRET}@127.0.0.1:port/db",
        f"postgres://user:{SECRET}@[::1/db",
        f"postgresql://user:{SECRET}@no-such-host.invalid/db",
        f"postgresql://user:{SECRET}@127.0.0.1:1/db",
        f"postgresql://user:{SECRET}@127.0.0.1/db?sslmod=require",
        f"host=127.0.0.1 password={SECRET}",
        SECRET,
    ],
)
def test_misspelt_url(operator: Operator, url: str) -> None:
    """A URL that leads nowhere is one clear line, and its password is not in it."""
    one_line(operator.runs("verify", **{settings.DATABASE_URL: url}))


def test_dagsters_database_is_out_of_reach(society: Operator) -> None:
    """The same of Dagster's storage, whose variable is named."""
    misspelt = f"postgresql://user:{SECRET}@127.0.0.1:port/db"
    line = one_line(society.runs(*FAST, **{settings.DAGSTER_DATABASE_URL: misspelt}))
    assert settings.DAGSTER_DATABASE_URL in line
    down = f"postgresql://user:{SECRET}@127.0.0.1:1/db"
    line = one_line(society.runs(*FAST, **{settings.DAGSTER_DATABASE_URL: down}))
    assert "Nothing answers there" in line


def test_no_tables(operator: Operator, empty_database_url: str) -> None:
    """Without payment_submissions, and without our tables, the line says what is missing."""
    there = {settings.DATABASE_URL: empty_database_url}
    for command in (FAST, ("verify",), ("dev", "--port", "3999")):
        line = one_line(operator.runs(*command, **there, **{settings.DAGSTER_DATABASE_URL: ""}))
        assert "no table payment_submissions" in line
    with create_engine(empty_database_url, poolclass=NullPool).begin() as connection:
        connection.execute(
            text(
                "create table payment_submissions (id uuid primary key, flat_id text,"
                " screenshot_url text, created_at timestamptz)"
            )
        )
    for command in (FAST, ("verify",)):
        assert "run `imagesignals migrate`" in one_line(operator.runs(*command, **there))


@pytest.fixture
def role(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database user without any permission."""
    name = f"role_{uuid4().hex}"
    administrator = create_engine(postgres.url("postgres"), poolclass=NullPool)
    with administrator.begin() as connection:
        connection.execute(text(f"create role {name} login password '{SECRET}'"))
    yield name
    with administrator.begin() as connection:
        connection.execute(text(f"drop role {name}"))


def test_no_permission(society: Operator, role: str) -> None:
    """Without permission to read payment_submissions every command says so."""
    url = make_url(society.environ[settings.DATABASE_URL]).set(username=role, password=SECRET)
    there = {settings.DATABASE_URL: url.render_as_string(hide_password=False)}
    for command in (FAST, ("verify",), ("migrate",)):
        line = one_line(society.runs(*command, **there))
        assert "may not read payment_submissions" in line


@contextmanager
def dead(postgres: EmbeddedPostgres, *urls: str) -> Generator[None]:
    """Throw everybody out of databases and let nobody in."""
    administrator = create_engine(
        postgres.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    names = [make_url(url).database for url in urls]
    with administrator.connect() as connection:
        for name in names:
            connection.execute(text(f"alter database {name} allow_connections false"))
            connection.execute(
                text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :n"),
                {"n": name},
            )
        yield
        for name in names:
            connection.execute(text(f"alter database {name} allow_connections true"))


class Gate:
    """A picture that is handed out when the test says so."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.opened = threading.Event()

    def __call__(self, line: Line, seen: Seen) -> object:
        """Answer when the gate is open."""
        self.asked.set()
        self.opened.wait(60)
        return reply(200, receipt())(line, seen)


@pytest.mark.parametrize(
    "dying",
    [
        pytest.param((settings.DATABASE_URL,), id="application"),
        pytest.param((settings.DATABASE_URL, settings.DAGSTER_DATABASE_URL), id="both"),
    ],
)
def test_dying_in_a_batch(
    operator: Operator, postgres: EmbeddedPostgres, dying: tuple[str, ...]
) -> None:
    """The run ends with one clear line; nothing of the batch is half there; the next run heals."""
    gate = Gate()
    with Server({"/slow.png": gate}) as server:
        submit(operator.engine, f"{server.url}/slow.png")
        trusting = {"IMAGESIGNALS_ALLOWED_ORIGINS": server.url}
        with operator.starts(*FAST, **trusting) as process:
            assert gate.asked.wait(60)
            with dead(postgres, *(operator.environ[each] for each in dying)):
                gate.opened.set()
                out, err = process.communicate(timeout=60)
        assert "database" in one_line(Said(process.returncode, out, err))
        with operator.engine.connect() as connection:
            assert not connection.execute(text("select from payment_image_signals")).all()
        said = operator.runs(*FAST, **trusting)
    assert (said.status, said.err) == (0, "")
    assert "✅ Processed F-SLOW - OK" in said.lines


def submit(engine: Engine, url: str) -> None:
    """Submit one screenshot."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into payment_submissions (flat_id, screenshot_url, created_at)"
                " values ('F-SLOW', :url, :created_at)"
            ),
            {"url": url, "created_at": OCTOBER},
        )
